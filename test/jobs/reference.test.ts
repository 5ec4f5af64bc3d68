import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { holdOut, loadData } from "../../src/data/index.ts";
import { DataError, InterruptedError, UsageError } from "../../src/errors.ts";
import { referenceJob, type TrainOptions, type TrainSummary } from "../../src/jobs/index.ts";
import { readModel } from "../../src/onnx/index.ts";
import type { ProgressEvent } from "../../src/runs/index.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { idxFile, idxFiles } from "../cli/fixtures.ts";
import { accuracyOf } from "../train/accuracy.ts";
import { sha256, workshop } from "../workshop.ts";

const path = workshop();
const data = path("data");
mkdirSync(data);
for (const [name, bytes] of Object.entries(idxFiles({ train: 96, test: 50, size: 8 }))) {
  writeFileSync(join(data, name), bytes);
}

const oneClass = path("one-class");
cpSync(data, oneClass, { recursive: true });
for (const [name, count] of [
  ["train", 96],
  ["t10k", 50],
] as const) {
  const labels = idxFile([count], new Uint8Array(count));
  writeFileSync(join(oneClass, `${name}-labels-idx1-ubyte`), labels);
}

function options(changes: Partial<TrainOptions> = {}): TrainOptions {
  return {
    architecture: "resnet8",
    data: `idx:${data}`,
    epochs: 4,
    out: path(),
    batchSize: 16,
    threads: 1,
    precision: "f32",
    ...normalization,
    ...changes,
  };
}

const normalization = { mean: [0.4], std: [0.3] };
const { test: images } = await loadData(`idx:${data}`);

describe("training a reference model", () => {
  let summary: TrainSummary;
  const events: ProgressEvent[] = [];
  let left = 0;

  beforeAll(async () => {
    const before = liveTensors();
    const hooks = { onProgress: (event: ProgressEvent) => void events.push(event) };
    summary = await referenceJob.start(options(), hooks);
    left = liveTensors() - before;
  });

  test("gives a model that has learned and scores in ONNX Runtime what the summary says", async () => {
    expect(summary.accuracy).toBeGreaterThan(0.9);
    expect(await accuracyOf(summary.files.model, images, normalization)).toBe(summary.accuracy);
    expect(summary).toMatchObject({
      architecture: "resnet8",
      epochs: 4,
      seed: 0,
      device: "cpu",
      precision: "f32",
      parameters: expect.any(Number),
      macs: expect.any(Number),
      seconds: expect.any(Number),
    });
  });

  test("ships the architecture with batch norm folded, for any batch size", async () => {
    const model = await readModel(summary.files.model);
    const count = (operator: string) =>
      model.nodes.filter((node) => node.operator === operator).length;
    expect([count("Conv"), count("Gemm"), count("BatchNormalization")]).toEqual([7, 1, 0]);
    expect(model.inputs[0]?.shape).toEqual(["N", 1, 8, 8]);
    expect(model.outputs[0]?.shape).toEqual(["N", 4]);
  });

  test("leaves a folder with configuration, metrics, model and summary, and no tensor", () => {
    const folder = join(summary.files.model, "..");
    const names = ["config.json", "metrics.jsonl", "model.onnx", "summary.json"];
    expect(readdirSync(folder).sort()).toEqual(names);
    expect(JSON.parse(readFileSync(summary.files.summary, "utf8"))).toEqual(summary);
    const lines = readFileSync(summary.files.metrics, "utf8").trimEnd().split("\n");
    const logged = lines.map((line) => JSON.parse(line));
    expect(logged.map(({ epoch, stage }) => [epoch, stage])).toEqual(
      [1, 2, 3, 4].map((epoch) => [epoch, "resnet8"]),
    );
    expect(events.filter(({ type }) => type === "epoch")).toMatchObject(logged);
    expect(left).toBe(0);
  });

  test("records every option as it was decided, with whole paths", () => {
    const { job, options: kept } = JSON.parse(readFileSync(summary.files.config, "utf8"));
    expect(job).toBe("train");
    expect(kept).toMatchObject({
      architecture: "resnet8",
      learningRate: expect.any(Number),
      epochs: 4,
      seed: 0,
      batchSize: 16,
      crop: 1,
      flip: false,
      threads: 1,
      checkpointSeconds: 60,
      labelSmoothing: 0,
      averageWeights: 0,
      data: `idx:${data}`,
      mean: [0.4],
      std: [0.3],
      device: "cpu",
      precision: "f32",
    });
  });

  test("resumed where it is done gives its summary again, also by a relative path", async () => {
    const folder = join(summary.files.model, "..");
    expect(await referenceJob.resume(folder)).toEqual(summary);
    expect(await referenceJob.resume(relative(process.cwd(), folder))).toEqual(summary);
  });

  // At the end of an epoch, within one, at the very end.
  test.each([6, 10, 24])("stopped after step %d and resumed gives the same file", async (step) => {
    const controller = new AbortController();
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "step" && event.step === step) controller.abort("SIGINT");
    };
    const out = path();
    const before = liveTensors();
    const stopping = referenceJob.start(options({ out }), {
      signal: controller.signal,
      onProgress,
    });
    await expect(stopping).rejects.toThrow(InterruptedError);
    expect(liveTensors()).toBe(before);
    const resumed = await referenceJob.resume(out);
    expect(sha256(resumed.files.model)).toBe(sha256(summary.files.model));
    expect(resumed.accuracy).toBe(summary.accuracy);
    const losses = (file: string) =>
      readFileSync(file, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).losses);
    expect(losses(resumed.files.metrics)).toEqual(losses(summary.files.metrics));
  });

  test("averages weights of augmented training, also where it is resumed", async () => {
    const recipe = { averageWeights: 0.2, mixup: 0.1, labelSmoothing: 0.05 };
    const averaged = await referenceJob.start(options(recipe));
    expect(averaged.accuracy).toBeGreaterThan(0.9);
    expect(averaged.accuracy).toBe(await accuracyOf(averaged.files.model, images, normalization));
    expect(sha256(averaged.files.model)).not.toBe(sha256(summary.files.model));
    const out = path();
    for (const step of [10, 24]) {
      const controller = new AbortController();
      const onProgress = (event: ProgressEvent) => {
        if (event.type === "step" && event.step === step) controller.abort("SIGINT");
      };
      const hooks = { signal: controller.signal, onProgress };
      const stopping =
        step === 10
          ? referenceJob.start(options({ out, ...recipe }), hooks)
          : referenceJob.resume(out, hooks);
      await expect(stopping).rejects.toThrow(InterruptedError);
    }
    const resumed = await referenceJob.resume(out);
    expect(sha256(resumed.files.model)).toBe(sha256(averaged.files.model));
  });

  test("with images held out never sees them in training, and is judged by them, also resumed", async () => {
    const controller = new AbortController();
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "step") controller.abort("SIGINT");
    };
    const [out, misleading] = [path(), path()];
    cpSync(data, misleading, { recursive: true });
    writeFileSync(join(misleading, "t10k-labels-idx1-ubyte"), idxFile([50], new Uint8Array(50)));
    const job = options({ data: `idx:${misleading}`, out, epochs: 2, holdOut: 32 });
    const stopping = referenceJob.start(job, { signal: controller.signal, onProgress });
    await expect(stopping).rejects.toThrow(InterruptedError);
    const steps: number[] = [];
    const { accuracy, files } = await referenceJob.resume(out, {
      onProgress: (event) => event.type === "step" && steps.push(event.steps),
    });
    expect(steps.at(-1)).toBe((2 * (96 - 32)) / 16);
    const { test: held } = holdOut(await loadData(`idx:${data}`), 32);
    expect(accuracy).toBeGreaterThan(0.5);
    expect(accuracy).toBe(await accuracyOf(files.model, held, normalization));
  });

  test("with SGD learns as well, at the learning rate that its batches ask for", async () => {
    const { accuracy, files } = await referenceJob.start(options({ optimizer: "sgd" }));
    expect(accuracy).toBeGreaterThan(0.5);
    const { options: kept } = JSON.parse(readFileSync(files.config, "utf8"));
    expect(kept).toMatchObject({ optimizer: "sgd", learningRate: 0.2 / 16 });
  });

  test("depends on the seed, the precision and the smoothing of the labels", async () => {
    const hashes: string[] = [];
    const variants = [{}, { seed: 1 }, { precision: "bf16" as const }, { labelSmoothing: 0.1 }];
    for (const changes of variants) {
      const other = await referenceJob.start(options({ epochs: 1, ...changes }));
      expect(other.accuracy).toBe(await accuracyOf(other.files.model, images, normalization));
      hashes.push(sha256(other.files.model));
    }
    expect(new Set(hashes).size).toBe(4);
  });
});

describe("what is wrong is told before a folder is made", () => {
  test.each<[string, Partial<TrainOptions>, new (message: string) => Error, RegExp]>([
    ["the architecture", { architecture: "resnet9" }, UsageError, /resnet8, .*received "resnet9"/],
    ["no epochs", { epochs: 0 }, UsageError, /--epochs: .*received 0/],
    ["half an epoch", { epochs: 0.5 }, UsageError, /--epochs/],
    ["the notation", { data: "mnist:x" }, UsageError, /idx:DIR/],
    ["missing data", { data: "idx:/nowhere" }, DataError, /nowhere/],
    ["a batch larger than the data", { batchSize: 97 }, UsageError, /1 to 96 images/],
    ["all images held out", { holdOut: 96 }, UsageError, /--hold-out: .*0 to 95.*received 96/],
    ["a crop larger than the images", { crop: 8 }, UsageError, /0 to 7 pixels/],
    ["a mean for pixels from 0 to 255", { mean: [127.5] }, UsageError, /expected --mean 0\.5/],
    ["a single class", { data: `idx:${oneClass}` }, DataError, /expected two classes or more/],
    ["too many means", { mean: [0, 0, 0] }, UsageError, /mean/],
    ["a device that is none", { device: "tpu" }, UsageError, /--device/],
  ])("%s", async (_, changes, kind, message) => {
    const out = path();
    const error = await referenceJob.start(options({ out, ...changes })).catch((reason) => reason);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  test("an existing folder", async () => {
    const out = path();
    mkdirSync(out);
    await expect(referenceJob.start(options({ out }))).rejects.toThrow(/exists/);
    expect(readdirSync(out)).toEqual([]);
  });
});
