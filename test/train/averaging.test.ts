import { describe, expect, test } from "vitest";
import { type Batch, Batches } from "../../src/data/index.ts";
import {
  conv2d,
  copyInto,
  full,
  mean,
  noGrad,
  parameter,
  scope,
  square,
  sub,
  sum,
} from "../../src/torch/index.ts";
import { averageOf, Learner, train } from "../../src/train/index.ts";
import { forgetful, quarters, type Setup, setUp } from "./tiny.ts";

/** The averages of one parameter that is 1, 2, 3, ... after its steps. */
function averages(steps: number, window: number): number[] {
  const value = parameter(full([2], 0));
  const average = averageOf(new Map([["w", value]]), { share: window / 100, steps: 100 })!;
  return Array.from({ length: steps }, (_, step) => {
    scope(() => noGrad(() => copyInto(value, full([2], step + 1))));
    average.update(step);
    return average.state.get("w")!.numbers()[1]!;
  });
}

describe("averages of weights", () => {
  test("weigh the steps linearly until the window is full", () => {
    // (1 · 1 + 2 · 2 + ... + n · n) / (1 + 2 + ... + n) = (2 n + 1) / 3
    averages(5, 100).forEach((value, i) => {
      expect(value).toBeCloseTo((2 * (i + 1) + 1) / 3, 5);
    });
  });

  test("forget exponentially from then on", () => {
    // The decay of a window of 3 is 1 - 2 / 4. After three steps there is (1 + 4 + 9) / 6.
    const expected = [1, 5 / 3, 7 / 3, (7 / 3 + 4) / 2, ((7 / 3 + 4) / 2 + 5) / 2];
    averages(5, 3).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  });

  test("lag by half a window on the way", () => {
    expect(averages(100, 9).at(-1)).toBeCloseTo(100 - (9 - 1) / 2, 4);
  });

  test("over less than a step are the last weights, and over none there are not any", () => {
    expect(averages(3, 0.1)).toEqual([1, 2, 3]);
    expect(averageOf(new Map(), { share: 0, steps: 100 })).toBeUndefined();
  });

  test("follow training, and come with the statistics of their own network", async () => {
    const weightOf = ({ network }: Setup) =>
      network.parameters.get("conv0.weight")!.detach().numbers();
    const weights: number[][] = [];
    using plain: Setup = setUp({ onStep: (step) => step > 1 && weights.push(weightOf(plain)) });
    await train(plain.stage, forgetful());
    const last = weightOf(plain);
    weights.push(last);

    using setup = setUp();
    const { network, stage } = setup;
    const { parameters, buffers } = network;
    const { optimizers } = stage.learner;
    const average = averageOf(parameters, { share: 0.5, steps: 12 })!;
    const learner = new Learner({ parameters, buffers, optimizers, average });
    await train({ ...stage, learner }, forgetful());
    const averaged = average.state.get("conv0.weight")!.numbers();
    expect(network.parameters.get("conv0.weight")!.numbers()).toEqual(averaged);
    expect(averaged).not.toEqual(last);
    // Of the weights after each of the 12 steps, over a window of 6.
    let expected = weights[0]!.map(() => 0);
    for (const [i, each] of weights.entries()) {
      const share = 2 / (Math.min(i + 1, 6) + 1);
      expected = expected.map((value, place) => value + share * (each[place]! - value));
    }
    expect(weights).toHaveLength(12);
    averaged.forEach((value, place) => {
      expect(value).toBeCloseTo(expected[place]!, 5);
    });

    // The mean over the batches of each channel's mean and unbiased variance.
    const weight = network.parameters.get("conv0.weight")!;
    const [means, variances]: number[][][] = [[], []];
    for await (const { images } of stage.batches.epoch(0)) {
      const y = conv2d(images, weight, { padding: [1, 1] });
      const center = mean(y, [0, 2, 3], true);
      means!.push(center.numbers());
      const squares = sum(square(sub(y, center)), [0, 2, 3]).numbers();
      variances!.push(squares.map((value) => value / (16 * 64 - 1)));
    }
    const meanOf = (rows: number[][]) =>
      rows[0]!.map((_, i) => rows.reduce((total, row) => total + row[i]!, 0) / rows.length);
    const close = (name: string, expected: number[]) =>
      network.buffers
        .get(name)!
        .numbers()
        .forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 4);
        });
    close("bn0.running_mean", meanOf(means!));
    close("bn0.running_var", meanOf(variances!));
    average.dispose();
  });

  test("are measured on a hundred batches at most, all alike, until it is told to stop", async () => {
    using batches = new Batches(quarters(128), { batch: 1, seed: 1, mean: [0], std: [1] });
    const average = averageOf(new Map([["w", parameter(full([1], 0))]]), { share: 1, steps: 1 })!;
    const weights: number[] = [];
    const forward = (_: Batch, batchWeight: number) => weights.push(batchWeight);
    await average.apply(batches, { forward, onBatch: () => {} });
    expect(weights).toEqual(Array.from({ length: 100 }, (_, i) => 1 / (i + 1)));
    const stop = () => {
      if (weights.length === 103) throw new Error("stop");
    };
    await expect(average.apply(batches, { forward, onBatch: stop })).rejects.toThrow("stop");
    expect(weights).toHaveLength(103);
  });
});
