// The programs of tools/ and bench/, in a clone that stands for one: nothing is compiled.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";

const root = join(import.meta.dirname, "..", "..");
const file = workshop();

test("a program finds the addon's folder in a clone that was moved", () => {
  for (const name of ["run.mjs", "process.mjs"])
    cpSync(join(root, "scripts", name), file(`clone/scripts/${name}`));
  for (const compiler of ["scripts/build.mjs", "node_modules/typescript/bin/tsc"])
    file(`clone/${compiler}`, "");
  mkdirSync(file("clone/native"));
  file("clone/build/tools/tools/program.js", "");
  const link = file("clone/build/tools/native");
  symlinkSync(file("earlier/native"), link);
  const command = [file("clone/scripts/run.mjs"), "tools/program"];
  expect(spawnSync(process.execPath, command, { encoding: "utf8" })).toMatchObject({
    status: 0,
    stderr: "",
  });
  expect(realpathSync(link)).toBe(realpathSync(file("clone/native")));
});
