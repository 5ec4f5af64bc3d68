// Trains every variant of the method at one budget with three seeds, and records what each run printed as
// docs/results/ablations/VARIANT-sSEED.json. Variants that are recorded already are left alone.
//
//     npm run ablations -- ORIGINAL.onnx --data DATA --depth 7 --epochs 6 --hold-out 5000 ...
//
// All arguments go to `deepobf obfuscate`; the runs' folders lie in runs/ablations/ of the working directory.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail } from "./process.mjs";

/** @type {Readonly<Record<string, readonly string[]>>} */
const variants = {
  "labels-only": ["--feature-weight", "0", "--label-weight", "1", "--distillation-weight", "0"],
  "features-only": ["--label-weight", "0", "--distillation-weight", "0"],
  "no-features": ["--feature-weight", "0"],
  "no-distillation": ["--distillation-weight", "0"],
  "direct-joint": [],
  "recursive-joint": ["--simulation", "recursive"],
  sgd: ["--optimizer", "sgd"],
};
const seeds = [0, 1, 2];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const records = join(root, "docs", "results", "ablations");
mkdirSync(records, { recursive: true });
for (const seed of seeds) {
  for (const [variant, options] of Object.entries(variants)) record(variant, seed, options);
}

/**
 * @param {string} variant
 * @param {number} seed
 * @param {readonly string[]} options
 */
function record(variant, seed, options) {
  const file = join(records, `${variant}-s${seed}.json`);
  if (existsSync(file)) return;
  const out = join("runs", "ablations", `${variant}-s${seed}`);
  rmSync(out, { recursive: true, force: true }); // of a run that was cut off
  const given = process.argv.slice(2);
  const own = [...options, "--seed", String(seed), "--out", out, "--json"];
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "bin", "deepobf.js"), "obfuscate", ...given, ...own],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) fail(`${variant}, seed ${seed}: deepobf obfuscate ended with ${status}`);
  writeFileSync(file, stdout);
}
