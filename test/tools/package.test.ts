// What `npm pack` makes of the repository.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../tools/records/records.ts";
import { workshop } from "../workshop.ts";

const path = workshop();

/** The declarations that those of a file need, itself included, as paths in the repository. */
function declarationsOf(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(join(root, path), "utf8");
  for (const [, named] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.[jt]s"/g)) {
    declarationsOf(posix.join(posix.dirname(path), `${named}.d.ts`), found);
  }
  return found;
}

test("what is compiled is of these sources", () => {
  const script = join(root, "scripts", "build.mjs");
  const { stdout } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  expect(stdout).toBe("TypeScript: up to date\n");
});

test("types need those of no package but zod", () => {
  const texts = [...declarationsOf("dist/index.d.ts")].map((file) =>
    readFileSync(join(root, file), "utf8"),
  );
  const named = texts.flatMap((text) => [...text.matchAll(/(?:from |import\()"([^."][^"]*)"/g)]);
  expect(new Set(named.map(([, name]) => name))).toEqual(new Set(["zod"]));
});

test("the npm package takes less than a megabyte, holds all types and no records, and answers", () => {
  const folder = path();
  mkdirSync(folder);
  const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
  expect(spawnSync("npm", pack, { cwd: root }).status).toBe(0);
  const [name = ""] = readdirSync(folder);
  expect(statSync(join(folder, name)).size).toBeLessThan(1e6);
  const { stdout } = spawnSync("tar", ["tzf", join(folder, name)], { encoding: "utf8" });
  const files = stdout.trim().split("\n");
  expect(files).toContain("package/dist/index.js");
  const types = [...declarationsOf("dist/index.d.ts")].map((file) => `package/${file}`);
  expect(types.length).toBeGreaterThan(20);
  expect(files).toEqual(expect.arrayContaining(types));
  expect(files.filter((file) => /^package\/records\/|\.jsonl$/.test(file))).toEqual([]);
  // Beside the packages that npm would install, what is packed is enough for a command to answer.
  spawnSync("tar", ["xzf", join(folder, name), "-C", folder]);
  const installed = join(folder, "package");
  symlinkSync(join(root, "node_modules"), join(installed, "node_modules"));
  const command = ["bin/deepobf.js", "inspect", "examples/resnet8-fashion-mnist.onnx", "--json"];
  const answer = spawnSync(process.execPath, command, { cwd: installed, encoding: "utf8" });
  expect(answer.stderr).toBe("");
  expect(JSON.parse(answer.stdout)).toMatchObject({ convolutions: 7 });
});
