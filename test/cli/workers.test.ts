// What is refused before any worker starts.
import { availableParallelism } from "node:os";
import { expect, test, vi } from "vitest";
import { withWorkers } from "../../src/cli/workers.ts";
import { UsageError } from "../../src/errors.ts";
import { launch } from "../../src/workers/launch.ts";

vi.mock(import("../../src/workers/launch.ts"), async (original) => ({
  ...(await original()),
  launch: vi.fn(async () => 0),
}));

const most = 8 * availableParallelism();
const start = (choice: { readonly workers: number; readonly batchSize?: number }) =>
  withWorkers({ restarts: 0, json: false, ...choice }, async () => undefined);

test.each([
  [{ workers: most + 1 }, `--workers: expected at most ${most}, 8 for each processor`],
  [{ workers: 3, batchSize: 64 }, "use --batch-size 63"],
])("%j cannot work", async (choice, words) => {
  const started = start(choice);
  await expect(started).rejects.toThrow(UsageError);
  await expect(started).rejects.toThrow(words);
  expect(launch).not.toHaveBeenCalled();
});

test("several for each processor are let through", async () => {
  await start({ workers: most, batchSize: 2 * most });
  expect(launch).toHaveBeenCalledWith(expect.objectContaining({ workers: most }));
});
