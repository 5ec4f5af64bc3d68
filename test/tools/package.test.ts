// What `npm pack` makes of the repository.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../tools/records/records.ts";
import { built } from "../setup/built.ts";
import { workshop } from "../workshop.ts";

const path = workshop();

test("the npm package takes less than a megabyte, and holds no records", () => {
  built();
  const folder = path();
  mkdirSync(folder);
  const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
  expect(spawnSync("npm", pack, { cwd: root }).status).toBe(0);
  const [name = ""] = readdirSync(folder);
  expect(statSync(join(folder, name)).size).toBeLessThan(1e6);
  const { stdout } = spawnSync("tar", ["tzf", join(folder, name)], { encoding: "utf8" });
  const files = stdout.trim().split("\n");
  expect(files).toContain("package/dist/index.js");
  expect(files.filter((file) => /^package\/records\/|\.jsonl$/.test(file))).toEqual([]);
});
