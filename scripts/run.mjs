// Compiles src/, bench/ and tools/ and runs a program of the latter two: node scripts/run.mjs tools/NAME [OPTIONS].
import { spawnSync } from "node:child_process";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "./process.mjs";

const output = join(root, "build", "tools");
const [program = "", ...options] = process.argv.slice(2);
// Programs run ONNX Runtime in their own process, and in Python.
process.env.ORT_DISABLE_TELEMETRY = "1";

run([join(root, "scripts", "build.mjs"), "--quiet"]);
run([
  join(root, "node_modules", "typescript", "bin", "tsc"),
  "-p",
  join(root, "tsconfig.tools.json"),
]);
// src/torch finds the addon from its own place, two folders below the one that holds native/. A link that is there may
// be of a clone that was moved since.
const native = join(output, "native");
rmSync(native, { force: true });
symlinkSync(join(root, "native"), native);
run(["--enable-source-maps", join(output, `${program}.js`), ...options]);

/** @param {string[]} parameters */
function run(parameters) {
  const { status } = spawnSync(process.execPath, parameters, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
