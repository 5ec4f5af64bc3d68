import { beforeAll, describe, expect, test } from "vitest";
import { DataError, DivergedError, InterruptedError } from "../../src/errors.ts";
import { type JobHooks, RunFolder } from "../../src/runs/index.ts";
import { copyInto, full, mulScalar, noGrad, scope, setThreads } from "../../src/torch/index.ts";
import { type Stage, train } from "../../src/train/index.ts";
import { metricsIn } from "../metrics.ts";
import { workshop } from "../workshop.ts";
import { bitsOf, forgetful, type Setup, setUp, stepsPerEpoch, trainIn } from "./tiny.ts";

const path = workshop();
const steps = 3 * stepsPerEpoch;

beforeAll(() => setThreads(1));

const create = (checkpointSeconds = 3600) =>
  RunFolder.create(path(), { job: "test", options: { checkpointSeconds } });

type Breaking = (setup: Setup) => void;

/** The stage with a loss multiplied by what `factorAt` gives for a step, from 1; `breaking` is done after it. */
function withFactor(setup: Setup, factorAt: (step: number) => number, breaking?: Breaking): Stage {
  const losses: Stage["losses"] = (batch, step) => {
    const terms = setup.stage.losses(batch, step);
    const factor = factorAt(step + 1);
    if (factor === 1) return terms;
    if (breaking) {
      breaking(setup);
      return terms;
    }
    return terms.map((term) => ({ ...term, value: mulScalar(term.value, factor) }));
  };
  return { ...setup.stage, losses };
}

/** Makes weights that are no numbers, after a loss that is one. */
function breakWeights({ stage }: Setup): void {
  const bias = stage.learner.state.get("parameter.fc.bias")!;
  noGrad(() => scope(() => copyInto(bias, full(bias.shape, Number.NaN))));
}

const kinds: Record<string, [factor: number, breaking?: Breaking]> = {
  "a loss of NaN": [Number.NaN],
  "an infinite loss": [Number.POSITIVE_INFINITY],
  "weights of NaN": [Number.NaN, breakWeights],
};

/** Whether all that a checkpoint holds are numbers. */
async function isSound(run: RunFolder): Promise<boolean> {
  const checkpoint = await run.readCheckpoint();
  const values = [...(checkpoint?.tensors.values() ?? [])].flatMap((each) => each.numbers());
  return values.length > 0 && values.every(Number.isFinite);
}

describe.each(Object.entries(kinds))("%s", (_, [factor, breaking]) => {
  test.each([1, 6, 12])("once, in step %d, sets a training back", async (at) => {
    const run = await create(0);
    let left = 1;
    using setup = setUp();
    const notes: string[] = [];
    const onProgress: JobHooks["onProgress"] = (event) => {
      if (event.type === "note") notes.push(event.text);
    };
    const once = (step: number) => (step === at && left-- > 0 ? factor : 1);
    await trainIn(run, withFactor(setup, once, breaking), { onProgress });
    expect(notes).toEqual([expect.stringMatching(/"tiny".*Back to step 0, and on with 0.5 of/)]);
    const halved = { stage: "tiny", backTo: 0, rate: 0.5 };
    expect(await run.metrics.setbacks()).toEqual([halved]);
    const log = metricsIn(run.files.metrics);
    expect(log.map(({ epoch }) => epoch)).toEqual([undefined, 1, 2, 3]);

    // From the start with half the rate it is the same training.
    using gentle = setUp();
    const schedule = (progress: number) => gentle.stage.schedule(progress) / 2;
    await train({ ...gentle.stage, schedule }, forgetful());
    expect(bitsOf(setup)).toEqual(bitsOf(gentle));
    expect(await isSound(run)).toBe(true);
  });

  test("always, ends it with exit code 6 after three setbacks; nothing of it is saved", async () => {
    const run = await create(0);
    using setup = setUp();
    const always = (step: number) => (step >= 7 ? factor : 1);
    const error = await trainIn(run, withFactor(setup, always, breaking)).catch((e) => e);
    expect(error).toBeInstanceOf(DivergedError);
    expect(error.exitCode).toBe(6);
    expect(error.message).toMatch(/"tiny" by step 7 of 12: .*3 times, was no help$/s);
    const rates = (await run.metrics.setbacks()).map(({ rate }) => rate);
    expect(rates).toEqual([0.5, 0.25, 0.125]);
    expect(await isSound(run)).toBe(true);
    expect((await run.readCheckpoint())?.step).toBe(6);
  });
});

describe("a training that is set back twice", () => {
  /** Diverges where weights are larger than they become with a quarter of the learning rate. */
  function explosive(setup: Setup): Stage {
    const weight = setup.stage.learner.state.get("parameter.fc.weight")!;
    const isLarge = () => Math.hypot(...weight.numbers().map(Number)) > 1.24;
    return withFactor(setup, () => (isLarge() ? Number.NaN : 1));
  }

  test("and interrupted again and again comes to the same bits", async () => {
    const whole = await create();
    using undisturbed = setUp();
    await trainIn(whole, explosive(undisturbed));
    expect((await whole.metrics.setbacks()).map(({ rate }) => rate)).toEqual([0.5, 0.25]);

    for (const every of [1, 2, 3, 7]) {
      const run = await create(every === 3 ? 0 : 3600);
      for (;;) {
        const controller = new AbortController();
        let taken = 0;
        using setup = setUp({ onStep: () => ++taken === every && controller.abort("SIGTERM") });
        const work = trainIn(run, explosive(setup), { signal: controller.signal });
        const error = await work.catch((reason) => reason);
        if (error) {
          expect(error).toBeInstanceOf(InterruptedError);
          continue;
        }
        expect(bitsOf(setup)).toEqual(bitsOf(undisturbed));
        break;
      }
      expect(metricsIn(run.files.metrics)).toEqual(metricsIn(whole.files.metrics));
    }
  });
});

test("that is allowed no setback, a training ends at once, also in a folder", async () => {
  const run = await create();
  using setup = setUp();
  const stage = withFactor(setup, (step) => (step === 8 ? Number.NaN : 1));
  const error = await trainIn(run, { ...stage, mostHalvings: 0 }).catch((reason) => reason);
  expect(error).toBeInstanceOf(DivergedError);
  expect(error.message).toMatch(/"tiny" by step 8 of 12: .*smaller --learning-rate$/s);
  expect(await run.metrics.setbacks()).toEqual([]);
});

test("without a folder to go back in, a training ends at once", async () => {
  using setup = setUp();
  const training = withFactor(setup, (step) => (step === 8 ? Number.NaN : 1));
  await expect(train(training, forgetful())).rejects.toThrow(
    /"tiny" by step 8 of 12: label = NaN, loss = NaN/,
  );
});

test.each([
  ["step 13 of 12", { step: 13, halvings: 0 }],
  ["step 4 of 12, after 4 of at most 3 halvings", { step: 4, halvings: 4 }],
])("a checkpoint where no training comes is refused: %s", async (where, position) => {
  using setup = setUp();
  const checkpoint = {
    ...position,
    stageIndex: 0,
    epochLosses: {},
    tensors: setup.stage.learner.state,
  };
  const work = train(setup.stage, { ...forgetful(), checkpoint } as never);
  await expect(work).rejects.toThrow(DataError);
  await expect(work).rejects.toThrow(`the checkpoint is at ${where}`);
});

test("a long training goes back to its last return point", async () => {
  const run = await create();
  let [left, taken] = [1, 0];
  using setup = setUp({ epochs: 128, onStep: () => taken++ });
  const stage = withFactor(setup, (step) => (step === 507 && left-- > 0 ? Number.NaN : 1));
  await trainIn(run, stage);
  expect(await run.metrics.setbacks()).toEqual([{ stage: "tiny", backTo: 500, rate: 0.5 }]);
  expect(taken).toBe(512 + 8);
  expect(steps).toBeLessThan(taken);
});
