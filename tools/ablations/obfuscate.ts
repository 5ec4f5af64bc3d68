// A run of `deepobf obfuscate` for a record.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ObfuscateSummary } from "../../src/index.ts";
import { root } from "../records/records.ts";

/** Runs it into a folder, or goes on where it was cut off there, and gives what it printed. Throws an Error where it fails. */
export function runObfuscate(
  given: readonly string[],
  out: string,
): ObfuscateSummary & { command: string } {
  const start = ["obfuscate", ...given, "--out", out];
  const command = existsSync(out) ? ["resume", out] : start;
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "bin", "deepobf.js"), ...command, "--json"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) throw new Error(`deepobf obfuscate ended with ${status}`);
  return JSON.parse(stdout);
}
