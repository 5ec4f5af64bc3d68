// What is refused before any worker starts.
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { expect, test, vi } from "vitest";
import { resume } from "../../src/cli/commands/resume.ts";
import type { JobCommand } from "../../src/cli/jobCommand.ts";
import { assertStartable, withWorkers } from "../../src/cli/workers.ts";
import { UsageError } from "../../src/errors.ts";
import { launch } from "../../src/workers/launch.ts";
import { workshop } from "../workshop.ts";

vi.mock(import("../../src/workers/launch.ts"), async (original) => ({
  ...(await original()),
  launch: vi.fn(async () => 0),
}));

const file = workshop();
const most = 8 * availableParallelism();
test.each([
  [most + 1, undefined, `--workers: expected at most ${most}, 8 for each processor`],
  [3, 64, "use --batch-size 63"],
])("%d workers with batches of %s are no new run", (workers, batchSize, words) => {
  expect(() => assertStartable(workers, batchSize)).toThrow(UsageError);
  expect(() => assertStartable(workers, batchSize)).toThrow(words);
});

test("several for each processor are, and a run of more goes on", async () => {
  assertStartable(most, 2 * most);
  await withWorkers({ workers: most + 1, restarts: 0, json: false }, async () => undefined);
  expect(launch).toHaveBeenCalledWith(expect.objectContaining({ workers: most + 1 }));
});

test("those of a launcher are for it to decide", () => {
  vi.stubEnv("WORLD_SIZE", String(most + 1));
  vi.stubEnv("RANK", "0");
  vi.stubEnv("MASTER_ADDR", "127.0.0.1");
  vi.stubEnv("MASTER_PORT", "1");
  try {
    assertStartable(most + 1);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("a run that is done gives its result again in this process, without its workers", async () => {
  const again = vi.fn(async () => undefined);
  const job: JobCommand = { name: "train", add: () => {}, resume: again };
  const program = new Command();
  resume({ train: job, obfuscate: job, attack: job })(program);
  const options = { workers: 3, checkpointSeconds: 60 };
  file("run/config.json", JSON.stringify({ job: "train", options }));
  const resumed = () => program.parseAsync(["resume", file("run")], { from: "user" });
  vi.mocked(launch).mockClear();
  await resumed();
  expect(launch).toHaveBeenCalledWith(expect.objectContaining({ workers: 3 }));
  vi.mocked(launch).mockClear();
  file("run/summary.json", "{}");
  await resumed();
  expect(again).toHaveBeenCalledWith(file("run"), false);
  expect(launch).not.toHaveBeenCalled();
});
