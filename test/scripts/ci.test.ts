// What CI makes of vitest's summaries, with stand-ins for npm and npx.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync } from "node:fs";
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

test.each([
  [
    "all that are known are skipped",
    "60 passed | 41 skipped (101)",
    "7 passed | 33 skipped (40)",
    0,
  ],
  ["none is skipped", "60 passed (60)", "7 passed (7)", 0],
  ["one more is skipped", "60 passed | 42 skipped (102)", "7 passed | 33 skipped (40)", 1],
  ["one more is, of the second part", "60 passed (60)", "7 passed | 34 skipped (41)", 1],
])("where %s", (_, own, current, warnings) => {
  const { status, last, stdout } = ci([own, current]);
  expect(last).toBe("67 passed, 0 failed");
  expect(status).toBe(0);
  expect(stdout.match(/^\d+ skipped; \d+ are known to$/gm)).toHaveLength(2);
  expect(stdout.split("WARNING")).toHaveLength(1 + warnings);
});
