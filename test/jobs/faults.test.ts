// Every call to the file system of a run fails once, in turn, as SQLite's tests do it: the run ends with exit code 5 or
// goes on, and resumed it gives the file of a run that nothing disturbed. By night every call fails in four ways.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { beforeAll, expect, test, vi } from "vitest";
import { describeFailure } from "../../src/cli/failure.ts";
import { ResourceError } from "../../src/errors.ts";
import { setThreads } from "../../src/torch/index.ts";
import { arm, disarm } from "../runs/faults.ts";
import { workshop } from "../workshop.ts";
import { tinyRun, toyOn } from "./toyJob.ts";

vi.mock("node:fs/promises", async (original) =>
  (await import("../runs/faults.ts")).faulty(await original()),
);

const path = workshop();
const toy = toyOn(path("source.txt", "what the job works on"));
const isNight = process.env.DEEPOBF_NIGHTLY !== undefined;
const codes = isNight ? ["ENOSPC", "EIO", "EACCES", "EMFILE"] : ["ENOSPC", "EIO"];
/** Every call of a kind is reached by a stride that shares no factor with the calls of a checkpoint. */
const stride = isNight ? 1 : 5;

/** What work fails by; undefined where it does not. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error) => error,
  );
}

/** A failure is told as one of resources; also to a caller of the library where something was to be written. */
function assertTold(failure: unknown, call: string): void {
  if (failure === undefined) return;
  expect(describeFailure(failure), `${call}: ${failure}`).toMatchObject({ exitCode: 5 });
  if (!call.startsWith("open")) expect(failure, call).toBeInstanceOf(ResourceError);
}

let expected = Buffer.alloc(0);
beforeAll(async () => {
  setThreads(1);
  expected = readFileSync((await toy.start(tinyRun(path()))).files.model);
});

test.each(codes)("whichever call of a run fails with %s", { timeout: 600_000 }, async (code) => {
  const calls = new Set<string>();
  for (let n = 1; ; n += stride) {
    const out = path();
    arm(n, code);
    const failure = await failureOf(toy.start(tinyRun(out)));
    const call = disarm();
    if (call === "") break;
    calls.add(call.split(" ")[0]!);
    assertTold(failure, call);
    const { files } = await (existsSync(out) ? toy.resume(out) : toy.start(tinyRun(out)));
    expect(readFileSync(files.model).equals(expected), call).toBe(true);
    rmSync(out, { recursive: true });
  }
  expect([...calls].sort()).toEqual(expect.arrayContaining(["fsync", "open", "rename", "write"]));
});

test.each(codes)(
  "whichever call of a resumed run fails with %s",
  { timeout: 600_000 },
  async (code) => {
    for (let n = 1; ; n += stride) {
      const out = path();
      arm(60, code); // in the midst of training
      await toy.start(tinyRun(out)).catch(() => undefined);
      disarm();
      arm(n, code);
      const failure = await failureOf(toy.resume(out));
      const call = disarm();
      assertTold(failure, call);
      const { files } = await toy.resume(out);
      expect(readFileSync(files.model).equals(expected), call).toBe(true);
      rmSync(out, { recursive: true });
      if (call === "") break;
    }
  },
);
