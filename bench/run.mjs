// Compiles bench/ and runs a benchmark of it: node bench/run.mjs NAME [OPTIONS].
import { spawnSync } from "node:child_process";
import { existsSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, "build", "bench");
const [name = "", ...options] = process.argv.slice(2);

const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
run([compiler, "-p", join(root, "tsconfig.bench.json")]);
// src/torch finds the addon from its own place, two folders below the one that holds native/.
const native = join(output, "native");
if (!existsSync(native)) symlinkSync(join(root, "native"), native, "junction");
run(["--enable-source-maps", join(output, "bench", `${name}.js`), ...options]);

/** @param {string[]} parameters */
function run(parameters) {
  const { status } = spawnSync(process.execPath, parameters, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
