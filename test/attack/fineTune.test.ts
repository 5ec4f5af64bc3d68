// What a fine-tuning leaves behind.
import { expect, test } from "vitest";
import { fineTune } from "../../src/attack/fineTune.ts";
import { DivergedError } from "../../src/errors.ts";
import { float } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { mulScalar } from "../../src/torch/index.ts";
import { labelLoss } from "../../src/train/index.ts";
import { evaluate } from "../graph/onnxruntime.ts";
import { forgetful } from "../train/tiny.ts";
import { workshop } from "../workshop.ts";
import { images } from "./pair.ts";

const path = workshop();

/** A convolution with batch norm, then a linear layer. */
function small() {
  const build = new GraphBuilder({ seed: 4 });
  const raw = build.conv(build.input("image", ["N", 1, 8, 8]), {
    name: "conv",
    outputs: 3,
    kernel: 3,
  });
  const map = build.relu(build.batchNorm(raw, { name: "bn" }));
  const rows = build.flatten(build.globalAveragePool(map));
  build.output(build.linear(rows, { name: "fc", outputs: 4 }), "logits");
  return { plain: build.build(), raw, rows };
}

const reading = { mean: [0], std: [1], seed: 0, precision: "f32", batchSize: 16 } as const;

test("what is frozen stays as it is, and what learns is shown what it gives in use", async () => {
  const { plain: graph, rows } = small();
  const values = Float32Array.from(images.pixels!, (pixel) => pixel / 255);
  const { logits } = await evaluate(graph, { image: { shape: [images.count, 1, 8, 8], values } });
  const expected = new Map(
    Array.from({ length: images.count }, (_, i) => [
      String([...values.subarray(64 * i, 64 * i + 64)]),
      logits!.values.subarray(4 * i, 4 * i + 4),
    ]),
  );
  const trained = await fineTune(
    {
      name: "head",
      graph,
      frozen: rows,
      epochs: 1,
      images,
      recipe: { optimizer: "sgd", learningRate: 1e-3 },
      losses: (given, batch) => {
        const shown = batch.images.numbers();
        for (const [i, value] of given.detach().numbers().entries()) {
          const image = shown.slice(64 * Math.floor(i / 4), 64 * Math.floor(i / 4) + 64);
          const before = expected.get(String([...Float32Array.from(image)]))!;
          // The linear layer has moved a little by the last of three steps.
          expect(value).toBeCloseTo(before[i % 4]!, 1);
        }
        return [{ name: "label", weight: 1, value: labelLoss(given, batch) }];
      },
    },
    reading,
    { ...forgetful(), index: 0 },
  );
  for (const [name, value] of graph.initializers) {
    const now = toNumbers(trained.initializers.get(name)!);
    if (name.startsWith("fc.")) expect(now).not.toEqual(toNumbers(value));
    else expect([name, now]).toEqual([name, toNumbers(value)]);
  }
});

test("the learning rate falls linearly from that of the recipe to 0", async () => {
  const log: object[] = [];
  await fineTune(
    {
      name: "falling",
      graph: small().plain,
      frozen: undefined,
      epochs: 2,
      images,
      recipe: { optimizer: "sgd", learningRate: 0.01 },
      losses: (logits, batch) => [{ name: "label", weight: 1, value: labelLoss(logits, batch) }],
    },
    reading,
    { ...forgetful(log), index: 0 },
  );
  // In the third and the sixth of six steps.
  const rates = [4 / 6, 1 / 6].map((rate) => expect.closeTo(rate, 9));
  expect(log.map((record) => (record as { rate: number }).rate)).toEqual(rates);
});

test("one that diverges goes on with no smaller rate than the recipe's", async () => {
  const run = await RunFolder.create(path(), { job: "test", options: { checkpointSeconds: 3600 } });
  let step = 0;
  const training = fineTune(
    {
      name: "broken",
      graph: small().plain,
      frozen: undefined,
      epochs: 1,
      images,
      recipe: { optimizer: "sgd", learningRate: 0.01 },
      losses: (logits, batch) => {
        const value = mulScalar(labelLoss(logits, batch), ++step === 2 ? Number.NaN : 1);
        return [{ name: "label", weight: 1, value }];
      },
    },
    reading,
    { run, hooks: {}, checkpoint: undefined, index: 0 },
  );
  await expect(training).rejects.toThrow(DivergedError);
  expect(step).toBe(3);
});

test("batch norms have the statistics of the images, whatever momentum the file gives them", async () => {
  const { plain, raw } = small();
  const nodes = plain.nodes.map((node) =>
    node.operator === "BatchNormalization"
      ? { ...node, attributes: { ...node.attributes, momentum: float(0.999) } }
      : node,
  );
  const graph = { ...plain, nodes };
  const trained = await fineTune(
    {
      name: "still",
      graph,
      frozen: undefined,
      epochs: 1,
      images,
      recipe: { optimizer: "sgd", learningRate: 1e-30 },
      losses: (logits, batch) => [{ name: "label", weight: 1, value: labelLoss(logits, batch) }],
    },
    reading,
    { ...forgetful(), index: 0 },
  );
  const shown = { ...graph, outputs: [{ name: raw, dtype: "float32" as const, shape: undefined }] };
  const values = Float32Array.from(images.pixels!, (pixel) => pixel / 255);
  const maps = await evaluate(shown, { image: { shape: [images.count, 1, 8, 8], values } });
  const { shape, values: features } = maps[raw]!;
  const area = shape[2]! * shape[3]!;
  const running = ["mean", "var"].map((name) =>
    toNumbers(trained.initializers.get(`bn.running_${name}`)!),
  );
  for (let c = 0; c < 3; c++) {
    const own = features.filter((_, place) => Math.floor(place / area) % 3 === c);
    const mean = own.reduce((sum, x) => sum + x, 0) / own.length;
    const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / own.length;
    expect(running[0]![c]).toBeCloseTo(mean, 4);
    // That of a batch leaves out how its mean differs from that of all.
    expect(running[1]![c]! / variance).toBeGreaterThan(0.95);
    expect(running[1]![c]! / variance).toBeLessThan(1.01);
  }
});
