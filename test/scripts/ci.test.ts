// What CI makes of vitest's summaries, with stand-ins for npm and npx.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";

const root = join(import.meta.dirname, "..", "..");
const file = workshop();
cpSync(join(root, ".ci", "run"), file("clone/.ci/run"));

/** Runs CI; `npm test` ends with the first of these lines, the tests on a current libtorch with the second one. */
function ci(summaries: readonly [own: string, current: string]) {
  for (const [i, program] of ["npm", "npx"].entries()) {
    const path = file(`bin/${program}`, `#!/bin/sh\necho "      Tests  ${summaries[i]}"\n`);
    chmodSync(path, 0o755);
  }
  const env = { PATH: `${file("bin")}:${process.env.PATH}` };
  const { status, stdout } = spawnSync("bash", [file("clone/.ci/run")], { env, encoding: "utf8" });
  return { status, last: stdout.trim().split("\n").at(-1), stdout };
}

const hasAmx = /\bamx_bf16\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
/** How many are known to skip themselves, in each part. */
const [own, current] = hasAmx ? [8, 0] : [41, 33];

test.each([
  ["all that are known are skipped", own, current, 0],
  ["none is skipped", 0, 0, 0],
  ["one more is skipped", own + 1, current, 1],
  ["one more is, of the second part", 0, current + 1, 1],
])("where %s", (_, first, second, warnings) => {
  const skipped = (count: number) => (count > 0 ? ` | ${count} skipped` : "");
  const summaries = [`60 passed${skipped(first)} (99)`, `7 passed${skipped(second)} (99)`] as const;
  const { status, last, stdout } = ci(summaries);
  expect(last).toBe("67 passed, 0 failed");
  expect(status).toBe(0);
  expect(stdout.match(/^\d+ skipped; \d+ are known to$/gm)).toHaveLength(2);
  expect(stdout.split("WARNING")).toHaveLength(1 + warnings);
});
