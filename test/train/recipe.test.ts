import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import {
  add,
  backward,
  cpuHasBfloat16,
  full,
  parameter,
  randn,
  scope,
  square,
  sum,
  threads,
} from "../../src/torch/index.ts";
import { learningRateOf, recipe, resolveJobOptions } from "../../src/train/index.ts";
import { quarters } from "./tiny.ts";

describe("the recipe", () => {
  const parameters = () =>
    new Map([
      ["conv.weight", parameter(randn([6, 4, 3, 3]))],
      ["linear.weight", parameter(randn([5, 6]))],
      ["bias", parameter(randn([5]))],
    ]);

  test("gives convolutions to Muon, which orthogonalizes their step, and the rest to AdamW", () => {
    const given = parameters();
    const [muon, adam] = recipe(given, { precision: "f32", learningRate: 1 });
    expect([...muon!.state.keys()]).toEqual(["momentum.conv.weight"]);
    expect([...adam!.state.keys()]).toEqual([
      ...["mean.linear.weight", "square.linear.weight", "mean.bias", "square.bias", "steps"],
    ]);

    const before = new Map([...given].map(([name, each]) => [name, each.numbers()]));
    scope(() =>
      backward([...given.values()].map((each) => sum(square(each))).reduce((a, b) => add(a, b))),
    );
    for (const optimizer of [muon!, adam!]) optimizer.step();
    const change = (name: string) =>
      given
        .get(name)!
        .numbers()
        .map((value, i) => value - before.get(name)![i]!);

    // AdamW's first step is the learning rate, a twentieth of Muon's, against the gradient's sign.
    change("bias").forEach((value, i) => {
      expect(value).toBeCloseTo(-0.05 * Math.sign(before.get("bias")![i]!), 4);
    });
    // The weight was scaled to the norm √6 first; a step of six orthogonal rows has that norm, too.
    const weight = before.get("conv.weight")!;
    const norm = Math.hypot(...weight);
    const step = given
      .get("conv.weight")!
      .numbers()
      .map((value, i) => value - (weight[i]! * Math.sqrt(6)) / norm);
    expect(Math.hypot(...step)).toBeGreaterThan(0.6 * Math.sqrt(6));
    expect(Math.hypot(...step)).toBeLessThan(1.3 * Math.sqrt(6));
  });

  test("scales both learning rates alike", () => {
    const steps = [1, 0.5].map((learningRate) => {
      const given = new Map([["bias", parameter(randn([5]).detach())]]);
      const [, adam] = recipe(given, { precision: "f32", learningRate });
      const before = given.get("bias")!.numbers();
      scope(() => backward(sum(given.get("bias")!)));
      adam!.step();
      return before[0]! - given.get("bias")!.numbers()[0]!;
    });
    expect(steps[0]! / steps[1]!).toBeCloseTo(2, 3);
  });
});

describe("SGD for everything", () => {
  /** Weights and gradients of 1; gives how far two steps move each parameter. */
  function moved(learningRate: number): Record<string, number> {
    const ones = (shape: number[]) => parameter(full(shape, 1));
    const given = new Map([
      ["conv.weight", ones([2, 1, 1, 1])],
      ["linear.weight", ones([2, 2])],
      ["bias", ones([2])],
    ]);
    const [sgd, ...others] = recipe(given, { precision: "f32", optimizer: "sgd", learningRate });
    expect(others).toEqual([]);
    for (let step = 0; step < 2; step++) {
      sgd!.zeroGrad();
      scope(() =>
        backward([...given.values()].map((each) => sum(each)).reduce((a, b) => add(a, b))),
      );
      sgd!.step();
    }
    return Object.fromEntries([...given].map(([name, each]) => [name, 1 - each.numbers()[0]!]));
  }

  // Nesterov with momentum 0.9: the first step moves by 1.9 gradients, the second by 1 + 0.9 (1 + 0.9).
  const bias = (rate: number) => rate * (1.9 + 2.71);

  /** The same of a weight, whose gradient has the decay of 5e-4 of itself in it. */
  function weight(rate: number): number {
    let [value, velocity] = [1, 0];
    for (let step = 0; step < 2; step++) {
      const gradient = 1 + 5e-4 * value;
      velocity = 0.9 * velocity + gradient;
      value -= rate * (gradient + 0.9 * velocity);
    }
    return 1 - value;
  }

  test("steps with momentum, and decay for weights alone", () => {
    const by = moved(0.2);
    expect(by.bias).toBeCloseTo(bias(0.2), 5);
    expect(by["conv.weight"]).toBeCloseTo(weight(0.2), 5);
    expect(by["linear.weight"]).toBeCloseTo(weight(0.2), 5);
    expect(Math.abs(weight(0.2) - bias(0.2))).toBeGreaterThan(1e-4);
  });
});

describe("the learning rate", () => {
  test("of muon falls with the root of the steps, from what 200 take", () => {
    const rates = [1, 200, 800, 5000].map((steps) =>
      learningRateOf({ optimizer: "muon", batchSize: 256, steps }),
    );
    [0.24, 0.24, 0.12, 0.048].forEach((rate, i) => {
      expect(rates[i]).toBeCloseTo(rate, 12);
    });
  });

  test("of sgd grows with the batch", () => {
    const rates = [64, 256].map((batchSize) =>
      learningRateOf({ optimizer: "sgd", batchSize, steps: 1000 }),
    );
    expect(rates).toEqual([0.05, 0.2]);
  });
});

describe("options that are left open", () => {
  const given = { data: "idx:data", epochs: 1, out: "run" };
  const images = (count: number, size = 32): Dataset => ({
    ...quarters(4),
    labels: new Int32Array(count),
    shape: [3, size, size],
  });
  const resolved = (changes = {}, dataset = images(50_000)) =>
    resolveJobOptions({ ...given, ...changes }, { dataset, device: "cpu" });

  test("are decided by data and machine", () => {
    expect(resolved()).toEqual({
      ...{ data: `idx:${process.cwd()}/data`, out: `${process.cwd()}/run`, epochs: 1 },
      ...{
        mean: [0, 0, 0],
        std: [1, 1, 1],
        device: "cpu",
        seed: 0,
        learningRate: 0.24,
        flip: false,
        cutout: 0,
        mixup: 0,
      },
      ...{ precision: cpuHasBfloat16() ? "bf16" : "f32", threads: threads(), crop: 2 },
      ...{ batchSize: 256, optimizer: "muon", holdOut: 0, checkpointSeconds: 60 },
      ...{ labelSmoothing: 0, averageWeights: 0 },
    });
  });

  test.each([
    [50_000, 32, 256],
    [21_000, 32, 128],
    [10_000, 32, 64],
    [1000, 32, 16],
    [10, 32, 10],
    [1_000_000, 64, 128],
    [1_000_000, 224, 16],
  ])("%d images of %d pixels a side come in batches of %d", (count, size, batch) => {
    expect(resolved({}, images(count, size)).batchSize).toBe(batch);
  });

  test("stay as they are given", () => {
    const choices = {
      ...{ mean: [1, 2, 3], std: [4, 5, 6], seed: 7, flip: true, precision: "f32" as const },
      ...{ threads: 3, crop: 0, batchSize: 8, checkpointSeconds: 0 },
    };
    expect(resolved(choices)).toMatchObject(choices);
  });

  test.each([
    { batchSize: 0 },
    { batchSize: 50_001 },
    { crop: 32 },
    { cutout: 33 },
    { cutout: 1.5 },
    { mixup: -1 },
    { mixup: Number.NaN },
    { mean: [0, 0] },
    { std: [0, 1, 1] },
    { data: "idx" },
    { averageWeights: -0.1 },
    { labelSmoothing: -0.1 },
    { labelSmoothing: 2 },
    { averageWeights: 1.1 },
    { averageWeights: Number.NaN },
  ])("are refused where they do not fit: %j", (changes) => {
    expect(() => resolved(changes)).toThrow(UsageError);
  });
});
