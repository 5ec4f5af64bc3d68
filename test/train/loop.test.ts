import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { InterruptedError } from "../../src/errors.ts";
import { type ProgressEvent, RunFolder } from "../../src/runs/index.ts";
import {
  broadcastFromFirst,
  inferenceMode,
  liveTensors,
  manualSeed,
  mulScalar,
  scope,
  setThreads,
  type Tensor,
} from "../../src/torch/index.ts";
import { Clock } from "../../src/train/clock.ts";
import { type Stage, train } from "../../src/train/index.ts";
import { collect, collectGarbage } from "../garbage.ts";
import { metricsIn } from "../metrics.ts";
import { workshop } from "../workshop.ts";
import { bitsOf, forgetful, quarters, type Setup, setUp, stepsPerEpoch, trainIn } from "./tiny.ts";

vi.mock("../../src/torch/index.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/torch/index.ts")>();
  return { ...original, broadcastFromFirst: vi.fn(original.broadcastFromFirst) };
});

const path = workshop();
const epochs = 3;
const steps = epochs * stepsPerEpoch;

beforeAll(() => setThreads(1));

const create = (checkpointSeconds = 3600) =>
  RunFolder.create(path(), { job: "test", options: { checkpointSeconds } });

/** A signal that aborts in the middle of a step. */
function abortAt(reason: unknown, step: number) {
  const controller = new AbortController();
  const onStep = (current: number) => {
    if (current === step) controller.abort(reason);
  };
  return { onStep, hooks: { signal: controller.signal } };
}

describe("training", () => {
  test("learns, and reports what it did", async () => {
    const [events, log]: [ProgressEvent[], Readonly<Record<string, unknown>>[]] = [[], []];
    using setup = setUp({ epochs: 6 });
    const hooks = { onProgress: (event: ProgressEvent) => void events.push(event) };
    await train(setup.stage, forgetful(log, hooks));

    const losses = log.map((record) => (record.losses as { label: number; loss: number }).loss);
    expect(losses).toHaveLength(6);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.1 * losses[0]!);
    expect(log.map(({ stage, epoch, epochs: all }) => [stage, epoch, all])).toEqual(
      [1, 2, 3, 4, 5, 6].map((epoch) => ["tiny", epoch, 6]),
    );
    const times = log.flatMap(({ seconds, imagesPerSecond }) => [seconds, imagesPerSecond]);
    expect(times.every((value) => Number(value) > 0)).toBe(true);
    const seen = events.filter(({ type }) => type === "epoch").map(({ type: _, ...rest }) => rest);
    expect(seen).toEqual(log);
    const reported = events.flatMap((event) => (event.type === "step" ? [event] : []));
    expect(reported.map(({ step }) => step)).toEqual([1, 4, 8, 10, 12, 16, 20, 24]);
    expect(reported.at(-1)).toMatchObject({ steps: 24, epochs: 6, secondsLeft: 0 });
  });

  test("reports a stage's place in the whole training, and what is left of that", async () => {
    const events: ProgressEvent[] = [];
    // Four steps an epoch; the stage has those from the third to the sixth of twelve.
    using setup = setUp({ epochs: 3, onStep: () => void vi.advanceTimersByTime(500) });
    const hooks = { onProgress: (event: ProgressEvent) => void events.push(event) };
    const stage = { ...setup.stage, part: { firstStep: 2, steps: 4, all: 12 } };
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      await train(stage, forgetful([], hooks));
    } finally {
      vi.useRealTimers();
    }
    const reported = events.flatMap((event) => (event.type === "step" ? [event] : []));
    const places = reported.map(({ epoch, epochs, step, steps, secondsLeft }) => {
      return [epoch, epochs, step, steps, secondsLeft];
    });
    expect(places).toEqual([
      [1, 3, 3, 12, 4.5],
      [1, 3, 4, 12, 4],
      [2, 3, 6, 12, 3],
    ]);
  });

  test("logs the mean of the losses that each step had", async () => {
    const log: Readonly<Record<string, unknown>>[] = [];
    const values: number[] = [];
    using setup = setUp();
    const losses: Stage["losses"] = (batch, step) => {
      const terms = setup.stage.losses(batch, step);
      const half = { name: "half", weight: 0.5, value: mulScalar(terms[0]!.value, 2) };
      values.push(terms[0]!.value.item());
      return [...terms, half];
    };
    const training = { ...setup.stage, losses };
    await train(training, forgetful(log));
    expect(values).toHaveLength(steps);
    log.forEach((record, epoch) => {
      const part = values.slice(epoch * stepsPerEpoch, (epoch + 1) * stepsPerEpoch);
      const mean = part.reduce((sum, value) => sum + value, 0) / stepsPerEpoch;
      const logged = record.losses as Record<string, number>;
      expect(logged.label).toBeCloseTo(mean, 5);
      expect(logged.half).toBeCloseTo(2 * mean, 5);
      expect(logged.loss).toBeCloseTo(2 * mean, 5);
    });
  });

  test("multiplies the learning rate by the schedule at the share of steps that is done", async () => {
    const seen: number[] = [];
    using setup = setUp();
    const before = bitsOf(setup);
    const schedule = (progress: number) => {
      seen.push(progress);
      return 0;
    };
    const training = { ...setup.stage, schedule };
    await train(training, forgetful());
    // Once for each of the two optimizers.
    expect([...new Set(seen)]).toEqual(Array.from({ length: steps }, (_, i) => i / steps));
    expect(bitsOf(setup)["parameter.fc.weight"]).toBe(before["parameter.fc.weight"]);
  });

  test("gives all workers the first one's state at the start and at each return point", async () => {
    const given: [step: number, tensors: unknown[]][] = [];
    let step = 0;
    const broadcast = vi.mocked(broadcastFromFirst).mockImplementation((tensors) => {
      given.push([step, [...tensors]]);
    });
    const onStep = (current: number) => {
      step = current;
    };
    using setup = setUp({ epochs: 504 / stepsPerEpoch, onStep });
    await train(setup.stage, forgetful());
    broadcast.mockReset();
    const state = [...setup.stage.learner.state.values()];
    expect(given).toEqual([
      [0, state],
      [500, state],
    ]);
  });

  test("trains a part of the job on the batches of that part", async () => {
    const batches: string[] = [];
    const record = (setup: Setup): Stage => ({
      ...setup.stage,
      losses: (batch, step) => {
        batches.push(Buffer.from(batch.images.toBytes()).toString("hex"));
        return setup.stage.losses(batch, step);
      },
    });
    using whole = setUp();
    await train(record(whole), forgetful());
    const all = batches.splice(0);
    const log: Readonly<Record<string, unknown>>[] = [];
    using setup = setUp();
    const part = { firstStep: 2, steps: 7, all: 12 };
    const training = { ...record(setup), part };
    await train(training, forgetful(log));
    expect(batches).toEqual(all.slice(2, 9));
    expect(log.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test("gives the same bits for the same seed", async () => {
    const results: Record<string, string>[] = [];
    for (const other of [0, 1]) {
      manualSeed(other); // libtorch's own generator plays no part
      using setup = setUp();
      await train(setup.stage, forgetful());
      results.push(bitsOf(setup));
    }
    expect(results[0]).toEqual(results[1]);
  });
});

describe.each(["f32", "bf16"] as const)("a run in %s", (precision) => {
  let [undisturbed, metrics]: [Record<string, string>, unknown[]] = [{}, []];

  beforeAll(async () => {
    const run = await create();
    using setup = setUp({ precision });
    await trainIn(run, setup.stage);
    [undisturbed, metrics] = [bitsOf(setup), metricsIn(run.files.metrics)];
  });

  test.each(Array.from({ length: steps }, (_, i) => i + 1))(
    "stopped in step %d goes on as if nothing had been",
    async (step) => {
      const run = await create();
      const { onStep, hooks } = abortAt("SIGTERM", step);
      using first = setUp({ precision, onStep });
      const error = await trainIn(run, first.stage, hooks).catch((reason) => reason);
      expect(error).toBeInstanceOf(InterruptedError);
      expect(error.exitCode).toBe(143);
      expect(error.message).toContain("stopped by SIGTERM after a checkpoint");
      expect(error.message).toContain(`node bin/deepobf.js resume ${run.directory}`);
      expect((await run.readCheckpoint())?.step).toBe(step);

      let taken = 0;
      using second = setUp({ precision, onStep: () => taken++ });
      await trainIn(run, second.stage);
      expect(taken).toBe(steps - step);
      expect(bitsOf(second)).toEqual(undisturbed);
      expect(metricsIn(run.files.metrics)).toEqual(metrics);
    },
  );

  test("goes on from its regular checkpoints", async () => {
    const run = await create(0);
    const kept = path();
    using setup = setUp({
      precision,
      onStep: (step) => {
        if (step % 3 === 2)
          cpSync(run.directory, join(kept, String(step - 1)), { recursive: true });
      },
    });
    await trainIn(run, setup.stage);
    expect(bitsOf(setup)).toEqual(undisturbed);
    for (const name of readdirSync(kept)) {
      const { run: copy } = await RunFolder.open(join(kept, name), "test");
      using resumed = setUp({ precision });
      await trainIn(copy, resumed.stage);
      expect(bitsOf(resumed)).toEqual(undisturbed);
      expect(metricsIn(copy.files.metrics)).toEqual(metrics);
    }
    expect(readdirSync(kept).sort()).toEqual(["1", "10", "4", "7"]);
    rmSync(kept, { recursive: true });
  });

  test("stopped again and again comes to the same end", async () => {
    const run = await create();
    for (let part = 1; ; part++) {
      const { onStep, hooks } = abortAt("SIGINT", part * 5);
      using setup = setUp({ precision, onStep });
      const error = await trainIn(run, setup.stage, hooks).catch((reason) => reason);
      if (error === undefined) {
        expect(bitsOf(setup)).toEqual(undisturbed);
        expect(part).toBe(3);
        break;
      }
      expect(error.exitCode).toBe(130);
    }
    expect(metricsIn(run.files.metrics)).toEqual(metrics);
  });
});

describe("stopping", () => {
  test("works with any reason, and before the first step", async () => {
    for (const reason of [undefined, "enough", new TypeError("no more")]) {
      const controller = new AbortController();
      controller.abort(reason);
      const run = await create();
      using setup = setUp();
      const error = await trainIn(run, setup.stage, { signal: controller.signal }).catch((e) => e);
      expect(error).toBeInstanceOf(InterruptedError);
      expect(error.message).toMatch(/^stopped after a checkpoint/);
      expect((await run.readCheckpoint())?.step).toBe(1);
    }
  });

  test("after the last step leaves nothing to do", async () => {
    const run = await create();
    const { onStep, hooks } = abortAt("SIGINT", steps);
    using first = setUp({ onStep });
    await expect(trainIn(run, first.stage, hooks)).rejects.toThrow(InterruptedError);
    using second = setUp({ onStep: () => expect.fail("a step too many") });
    await trainIn(run, second.stage);
    expect(bitsOf(second)).toEqual(bitsOf(first));
  });
});

test("the clock goes by the steps since the start, and tells once that a checkpoint is due", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const clock = new Clock(10);
    clock.count(100);
    clock.count(60);
    vi.advanceTimersByTime(2000);
    // Four steps in two seconds, and six are left.
    expect(clock.estimate(14, 20)).toEqual({ imagesPerSecond: 80, secondsLeft: 3 });
    const due = [57_999, 1, 1, 59_999].map((milliseconds) => {
      vi.advanceTimersByTime(milliseconds);
      return clock.checkpointIsDue(60);
    });
    expect(due).toEqual([false, true, false, true]);
  } finally {
    vi.useRealTimers();
  }
});

const stepsForMemory = Number(process.env.DEEPOBF_STEPS ?? 200);

test("a step leaves no tensor behind, and 200 steps no memory", { timeout: 600_000 }, async () => {
  await collectGarbage();
  const live: number[] = [];
  const resident: number[] = [];
  const isLong = stepsForMemory >= 2000;
  using setup = setUp({
    epochs: stepsForMemory / stepsPerEpoch,
    onStep: (step) => {
      live.push(liveTensors());
      if (isLong && step % 50 === 0) collect();
      resident.push(process.memoryUsage().rss);
    },
  });
  await train(setup.stage, forgetful());
  expect(live).toHaveLength(stepsForMemory);
  // The second step is the first that finds the sums of the losses of the one before.
  expect(new Set(live.slice(1).filter((_, i) => (i + 1) % stepsPerEpoch !== 0)).size).toBe(1);
  expect(live[196]).toBe(live[4]);
  if (!isLong) {
    expect(resident.at(-1)! - resident[20]!).toBeLessThan(32 * 2 ** 20);
    return;
  }
  // V8 warms up for thousands of steps: the first half does not count.
  const eighth = stepsForMemory / 8;
  const floorOf = (from: number) => Math.min(...resident.slice(from, from + eighth));
  const growth = floorOf(7 * eighth) - floorOf(4 * eighth);
  expect(growth / (3 * eighth)).toBeLessThan(1024);
});

test("what was trained is accurate on other images", async () => {
  using setup = setUp({ epochs: 8 });
  await train(setup.stage, forgetful());
  using held = setUp({ dataset: quarters(208, 9) });
  let right = 0;
  for await (const { images, labels } of held.stage.batches.epoch(0)) {
    right += scope(() => {
      const { logits } = inferenceMode(() => setup.network.forward({ input: images }));
      return countRight(logits!, labels!);
    });
  }
  expect(right / 208).toBeGreaterThan(0.95);
});

function countRight(logits: Tensor, labels: Tensor): number {
  const values = logits.numbers();
  const classes = labels.numbers().map(Number);
  return classes.filter((label, i) => {
    const row = values.slice(4 * i, 4 * i + 4);
    return row.indexOf(Math.max(...row)) === label;
  }).length;
}
