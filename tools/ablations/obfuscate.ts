// A run of `deepobf obfuscate` for a record.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ObfuscateSummary } from "../../src/index.ts";
import { root } from "../records/records.ts";

/** Runs it into a folder, which it replaces, and gives what it printed. Throws an Error where it fails. */
export function runObfuscate(
  given: readonly string[],
  out: string,
): ObfuscateSummary & { command: string } {
  rmSync(out, { recursive: true, force: true }); // of a run that was cut off
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "bin", "deepobf.js"), "obfuscate", ...given, "--out", out, "--json"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) throw new Error(`deepobf obfuscate ended with ${status}`);
  return JSON.parse(stdout);
}
