// What a job decides where its options leave something open.
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { resolveJobOptions } from "../../src/jobs/index.ts";
import { cpuHasBfloat16, threads } from "../../src/torch/index.ts";
import { quarters } from "../train/tiny.ts";

describe("options that are left open", () => {
  const given = { data: "idx:data", epochs: 1, out: "run" };
  const images = (count: number, size = 32): Dataset => ({
    ...quarters(4),
    count,
    labels: new Int32Array(count),
    shape: [3, size, size],
  });
  const resolved = (changes = {}, dataset = images(50_000)) =>
    resolveJobOptions({ ...given, ...changes }, { dataset, device: "cpu", usualImages: 800_000 });

  test("are decided by data and machine", () => {
    expect(resolved()).toEqual({
      data: `idx:${process.cwd()}/data`,
      out: `${process.cwd()}/run`,
      epochs: 1,
      mean: [0, 0, 0],
      std: [1, 1, 1],
      device: "cpu",
      seed: 0,
      learningRate: 0.24,
      flip: false,
      mixup: 0,
      precision: cpuHasBfloat16() ? "bf16" : "f32",
      threads: threads(),
      crop: 2,
      batchSize: 256,
      optimizer: "muon",
      holdOut: 0,
      checkpointSeconds: 60,
      labelSmoothing: 0,
      averageWeights: 0,
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

  test.each([
    [50_000, 16],
    [100_000, 8],
    [1_200_000, 8],
    [10_000, 80],
    [1000, 200],
  ])("%d images are shown %d times", (count, epochs) => {
    const { epochs: _, ...open } = given;
    const options = resolveJobOptions(open, {
      dataset: images(count),
      device: "cpu",
      usualImages: 800_000,
    });
    expect(options.epochs).toBe(epochs);
  });

  test("of threads are refused above the processors", () => {
    expect(() => resolved({ threads: 100_000 })).toThrow(/--threads: expected at most \d+/);
  });

  test("stay as they are given", () => {
    const choices = {
      mean: [1, 2, 3],
      std: [4, 5, 6],
      seed: 7,
      flip: true,
      precision: "f32" as const,
      threads: 1,
      crop: 0,
      batchSize: 8,
      checkpointSeconds: 0,
    };
    expect(resolved(choices)).toMatchObject(choices);
  });

  test.each([
    { batchSize: 0 },
    { batchSize: 50_001 },
    { crop: 32 },
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
