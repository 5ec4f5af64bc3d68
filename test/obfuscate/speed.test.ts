// How many epochs there are, what one is expected to take, and whose the measured latencies are.
import { expect, test, vi } from "vitest";
import { inMemory } from "../../src/data/index.ts";
import { OnnxClassifier } from "../../src/evaluate/index.ts";
import {
  assertConsistent,
  type ObfuscateOptions,
  resolveOptions,
} from "../../src/obfuscate/options.ts";
import { untrainedChain } from "../../src/obfuscate/original.ts";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { epochsIn, secondsPerEpoch } from "../../src/obfuscate/speed.ts";
import { verify } from "../../src/obfuscate/verify.ts";
import { Learner } from "../../src/train/index.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

const path = workshop();

test("is the time between steps for as many whole batches as there are, and minutes hold as many epochs", async () => {
  const { options, inputs } = await prepare({
    model: writeTiny(path("clock.onnx")),
    data: writeData(path("images")),
    out: path("timed"),
    depth: 4,
    epochs: 4,
    batchSize: 24,
    threads: 1,
    acceptOriginal: true,
  });
  // By this clock a step takes a quarter of a second, and nothing else takes time.
  const { step } = Learner.prototype;
  const stepping = vi.spyOn(Learner.prototype, "step");
  stepping.mockImplementation(function (this: Learner, scale: number) {
    vi.advanceTimersByTime(250);
    step.call(this, scale);
  });
  const work = { options, inputs };
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    // 128 images are five batches of 24, and some are left.
    expect(await secondsPerEpoch(work)).toBeCloseTo(5 * 0.25, 9);
    expect(await epochsIn(0.25, work)).toBe(12);
    expect(await epochsIn(0.01, work)).toBe(1);
  } finally {
    vi.useRealTimers();
    stepping.mockRestore();
  }
});

test("is measured on a worker's share of each batch, and where the run has a single step", async () => {
  const { options, inputs } = await prepare({
    model: writeTiny(path("tiny.onnx")),
    data: writeData(path("data")),
    out: path("run"),
    depth: 4,
    epochs: 1,
    batchSize: 128,
    threads: 1,
    acceptOriginal: true,
  });
  const { pixels: _, ...train } = inputs.data.train;
  /** Numbers of images in the batches that were read. */
  async function batchesRead(workers: number): Promise<ReadonlySet<number>> {
    const sizes = new Set<number>();
    const read = (places: Int32Array) => {
      sizes.add(places.length);
      return train.read(places);
    };
    const data = { ...inputs.data, train: { ...train, read } };
    const asked = { options: { ...options, workers }, inputs: { ...inputs, data } };
    expect(await secondsPerEpoch(asked)).toBeGreaterThan(0);
    return sizes;
  }
  expect(await batchesRead(1)).toEqual(new Set([128]));
  expect(await batchesRead(4)).toEqual(new Set([32]));
});

test("are half as many of seven convolutions as of fewer, if nothing else is said", () => {
  const count = 50_000;
  const shape = [1, 1, 1] as const;
  const labels = new Int32Array(count);
  const train = inMemory({
    name: "many",
    shape,
    labels,
    classes: ["a"],
    pixels: new Uint8Array(count),
  });
  const asked = { model: "model.onnx", data: "idx:many", out: path("many") };
  const epochs = (changes: Pick<ObfuscateOptions, "epochs"> & { depth: number }) =>
    resolveOptions({ ...asked, ...changes }, { data: { train, test: train }, device: "cpu" })
      .epochs;
  expect([{ depth: 7 }, { depth: 5 }, { depth: 5, epochs: 3 }].map(epochs)).toEqual([16, 32, 3]);
  // What is timed is another training.
  expect(() => assertConsistent({ ...asked, minutes: 5, simulation: "recursive" })).toThrow(
    /^--minutes: expected --simulation direct, .* received recursive; give --epochs$/,
  );
});

test("latencies stand beside the file and the batch that they are of", async () => {
  const model = writeTiny(path("latency.onnx"));
  const { options, inputs } = await prepare({
    model,
    data: writeData(path("few")),
    out: path("latency"),
    labels: "none",
    depth: 4,
    epochs: 1,
    threads: 1,
    acceptOriginal: true,
  });
  const { original, layout, data } = inputs;
  const { trained, sealed } = untrainedChain(inputs);
  const shipped = { graph: sealed, path: writeTiny(path("shipped.onnx"), sealed) };
  const clock = vi.spyOn(OnnxClassifier, "compareLatency");
  clock.mockImplementation(async ([first, second], { batch }) => {
    const of = ({ name }: OnnxClassifier) => (name.endsWith("shipped.onnx") ? 1 : 3) * batch;
    return [of(first), of(second)];
  });
  try {
    const { mean, std, threads } = options;
    const found = await verify({ path: model, layout, graph: original }, shipped, {
      ...data,
      mean,
      std,
      threads,
      trained,
      fileBatch: undefined,
      predictions: path("predictions.json"),
      onProgress: () => {},
    });
    expect(found.original.latencyMs).toEqual({ batch1: 3, batch64: 192 });
    expect(found.obfuscated.latencyMs).toEqual({ batch1: 1, batch64: 64 });
  } finally {
    clock.mockRestore();
  }
});
