// The programs of tools/ and bench/, in a clone that stands for one: nothing is compiled.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";

const root = join(import.meta.dirname, "..", "..");
const file = workshop();
for (const name of ["run.mjs", "process.mjs"])
  cpSync(join(root, "scripts", name), file(`clone/scripts/${name}`));
for (const compiler of ["scripts/build.mjs", "node_modules/typescript/bin/tsc"])
  file(`clone/${compiler}`, "");
mkdirSync(file("clone/native"));

/** Runs a program that consists of this script. */
function run(script: string) {
  file("clone/build/tools/tools/program.js", script);
  const command = [file("clone/scripts/run.mjs"), "tools/program"];
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  return spawnSync(process.execPath, command, { encoding: "utf8", env });
}

test("a program finds the addon's folder in a clone that was moved", () => {
  const link = file("clone/build/tools/native");
  symlinkSync(file("earlier/native"), link);
  expect(run("")).toMatchObject({ status: 0, stderr: "" });
  expect(realpathSync(link)).toBe(realpathSync(file("clone/native")));
});

test("ONNX Runtime's telemetry is off in a program", () => {
  const { stdout } = run("console.log(process.env.ORT_DISABLE_TELEMETRY)");
  expect(stdout).toBe("1\n");
});
