// Reads the recorded runs of docs/results/: files that hold what `deepobf obfuscate --json` printed.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "./process.mjs";

/** @typedef {import("../src/obfuscate/index.ts").ObfuscateSummary & { command: string }} Summary */
/** @typedef {{ file: string, name: string, seed: number, heldOut: number, summary: Summary }} Run */

/**
 * The runs of the files `DATA-ORIGINAL-DEPTH-sSEED.json`, named ORIGINAL. Ends the script where a file
 * holds another run than its name says, or one that was not judged by the test set: the tables would lie.
 * @param {string} folder
 * @param {"cifar10" | "large"} data
 */
export function readTestRuns(folder, data) {
  return readRuns(folder, `${data}-`).map((run) => {
    const { file, name, seed, heldOut, summary } = run;
    const original = name.slice(0, name.lastIndexOf("-"));
    if (name !== `${original}-${summary.depth}` || seed !== summary.seed)
      fail(`${file}: its name does not fit depth ${summary.depth} and seed ${summary.seed}`);
    if (heldOut > 0) fail(`${file}: judged by held-out images; such runs belong in ablations/`);
    return { ...run, name: original };
  });
}

/**
 * The runs of the files `PREFIX NAME-sSEED.json` in a folder, in the order of their names.
 * @param {string} folder
 * @param {string} prefix
 * @returns {Run[]}
 */
export function readRuns(folder, prefix = "") {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((file) => file.startsWith(prefix) && file.endsWith(".json"))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((file) => {
      const [, name, seed] = /^(.+)-s(\d+)\.json$/.exec(file.slice(prefix.length)) ?? [];
      if (!name) fail(`${file}: expected a name such as ${prefix}NAME-s0.json`);
      const summary = readSummary(join(folder, file));
      const heldOut = Number(/ --hold-out (\d+)/.exec(summary.command)?.[1] ?? 0);
      return { file, name: String(name), seed: Number(seed), heldOut, summary };
    });
}

/**
 * @param {string} path
 * @returns {Summary}
 */
function readSummary(path) {
  try {
    const summary = JSON.parse(readFileSync(path, "utf8"));
    if (summary.command && summary.original && summary.obfuscated && summary.verify) return summary;
  } catch {
    // Said below: a run that is still going leaves an empty file.
  }
  return fail(`${path}: expected what deepobf obfuscate --json prints`);
}
