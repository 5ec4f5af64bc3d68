// What every refused command line has in common.
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type ExpectStatic, test } from "vitest";
import { deepobf, type RunOptions } from "./deepobf.ts";

/** A command line that must be refused: how it ends, and what its message says. */
export interface Refusal {
  readonly args: readonly string[];
  readonly code: number;
  readonly says: readonly (RegExp | string)[];
  readonly options?: RunOptions;
}

/** One test for each refusal, by name. */
export function refusals(cases: Readonly<Record<string, () => Refusal | Promise<Refusal>>>): void {
  test.concurrent.for(Object.entries(cases))("%s", async ([, prepare], { expect }) => {
    await expectRefusal(await prepare(), expect);
  });
}

/** Runs the command line; nothing may be left at or beside its `--out` that was not there. */
export async function expectRefusal(refusal: Refusal, expect: ExpectStatic): Promise<void> {
  const { args, code, says, options = {} } = refusal;
  const out = args[args.lastIndexOf("--out") + 1]!;
  const before = present(out);
  const ended = await deepobf(args, options);
  expect.soft(ended.stderr).toMatch(/^error: /m);
  for (const words of says) expect.soft(ended.stderr).toMatch(words);
  expect.soft(ended.stderr, "a stack").not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect.soft(ended.stdout).toBe("");
  if (args.includes("--out")) expect.soft(present(out)).toEqual(before);
  expect({ code: ended.code, signal: ended.signal }).toEqual({ code, signal: null });
}

/** A path and temporary files beside it, where they exist. */
function present(path: string): string[] {
  const parent = dirname(path);
  if (!existsSync(parent) || !statSync(parent).isDirectory()) return [];
  const name = basename(path);
  return readdirSync(parent).filter((entry) => entry === name || entry.startsWith(`${name}.`));
}
