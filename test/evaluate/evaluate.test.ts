import { describe, expect, test } from "vitest";
import { type Dataset, inMemory } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { DataError, ModelError, UsageError } from "../../src/errors.ts";
import {
  type Classifier,
  compare,
  evaluate,
  measureLatency,
  OnnxClassifier,
} from "../../src/evaluate/index.ts";
import { NetworkClassifier } from "../../src/evaluate/networkClassifier.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Dimension, Graph, TensorData } from "../../src/graph/graph.ts";
import { fromFloat32, toFloat32 } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { failure } from "../failure.ts";
import { collectGarbage } from "../garbage.ts";

/** Image i is uniformly i in its first channel and 255 - i in its second. */
const images = inMemory({
  name: "seven images",
  pixels: Uint8Array.from({ length: 7 * 8 }, (_, place) => {
    const image = Math.floor(place / 8);
    return place % 8 < 4 ? 40 * image : 255 - 40 * image;
  }),
  labels: Int32Array.of(1, 1, 1, 1, 0, 0, 0),
  shape: [2, 2, 2],
  classes: ["first", "second"],
});
const options = { mean: [0, 0], std: [1, 1], batch: 3 };

/** Global average pooling, then a linear layer with these weights [classes, 2]. */
function linearModel(weights: readonly number[][], batch: Dimension = "batch"): Graph {
  const builder = new GraphBuilder();
  const input = builder.input("image", [batch, 2, 2, 2]);
  const weight = fromFloat32([weights.length, 2], Float32Array.from(weights.flat()));
  const pooled = builder.flatten(builder.globalAveragePool(input));
  const logits = builder.node("Gemm", [pooled, builder.initializer("weight", weight)], {
    attributes: { transB: { type: "int", value: 1 } },
  });
  builder.output(logits, "logits");
  return builder.build();
}

/** The larger channel wins, which is right for every image. */
const largerChannel = [
  [1, 0],
  [0, 1],
];

/** A classifier of a given function of one image's values. */
function fake(answer: (pixels: Float32Array) => number[], name = "fake"): Classifier {
  const outputs = answer(new Float32Array(8)).length;
  return {
    name,
    shape: [2, 2, 2],
    outputs,
    takesPixels: false,
    logits: async (batch: TensorData) => {
      const values = toFloat32(batch);
      const rows = Array.from({ length: batch.shape[0]! }, (_, image) =>
        answer(values.subarray(image * 8, (image + 1) * 8)),
      );
      return Float32Array.from(rows.flat());
    },
    latency: async ({ batch }) => batch / 10,
  };
}

describe("evaluate", () => {
  test("counts the images whose largest logit is that of their label", async () => {
    const always = await evaluate(
      fake(() => [1, 0]),
      images,
      options,
    );
    expect(always.samples).toBe(7);
    expect(always.accuracy).toBeCloseTo(3 / 7, 12);
    expect(always.imagesPerSecond).toBeGreaterThan(0);
    const right = await evaluate(
      fake((pixels) => [pixels[0]!, pixels[4]!]),
      images,
      options,
    );
    expect(right.accuracy).toBe(1);
  });

  test("counts images a second by the time of the answers", async () => {
    const instant = fake(() => [1, 0]);
    const slow: Classifier = {
      ...instant,
      logits: async (batch) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return instant.logits(batch);
      },
    };
    // Three batches of 20 ms or, where the machine is busy, more.
    const { imagesPerSecond } = await evaluate(slow, images, options);
    expect(imagesPerSecond).toBeLessThan(7 / 0.055);
    expect(imagesPerSecond).toBeGreaterThan(1);
  });

  test("reports progress up to the last image", async () => {
    const seen: string[] = [];
    const onProgress = (done: number, total: number) => seen.push(`${done}/${total}`);
    await evaluate(
      fake(() => [1, 0]),
      images,
      { ...options, onProgress },
    );
    expect(seen).toEqual(["3/7", "6/7", "7/7"]);
  });

  test("refuses NaN, and names the image", async () => {
    const broken = fake((pixels) => (pixels[0]! > 0.7 ? [0, Number.NaN] : [0, 1]), "broken.onnx");
    await expect(evaluate(broken, images, options)).rejects.toThrow(ModelError);
    await expect(evaluate(broken, images, options)).rejects.toThrow(
      "broken.onnx gives NaN for image 5 of seven images",
    );
  });

  test("refuses what does not fit before anything runs", async () => {
    const never: Classifier = {
      ...fake(() => [0, 1]),
      logits: () => Promise.reject(new Error("must not run")),
    };
    const five = { ...images, labels: images.labels.map((label) => label + 3) };
    await expect(evaluate(never, five, options)).rejects.toThrow(DataError);
    await expect(evaluate(never, five, options)).rejects.toThrow("labels up to 4");
    const wide = { ...never, shape: [3, 2, 2] as const };
    await expect(evaluate(wide, images, options)).rejects.toThrow(DataError);
    await expect(evaluate(never, images, { ...options, mean: [] })).rejects.toThrow(UsageError);
  });
});

function withoutLabels({ labels: _, classes: __, ...rest }: Dataset): Dataset {
  return rest;
}

describe("compare", () => {
  test("gives both accuracies, agreement and differences", async () => {
    const first = fake((pixels) => [4 * pixels[0]!, 0]);
    const second = fake((pixels) => [4 * pixels[0]!, pixels[0]! < 0.2 ? 0.75 : 0]);
    const result = await compare([first, second], images, options);
    expect(result.evaluations.map(({ accuracy }) => accuracy)).toEqual([3 / 7, 5 / 7]);
    expect(result.agreement).toBeCloseTo(5 / 7, 12);
    expect(result.maxAbsDiff).toBeCloseTo(0.75, 6);
    // Less their mean, the first logits of image i are ±2 · 40 i / 255; two images are off by ±0.375.
    const squares = 2 * 91 * ((2 * 40) / 255) ** 2;
    expect(result.logitError).toBeCloseTo((2 * 2 * 0.375 ** 2) / squares, 6);
    expect(result.maxRelDiff).toBeCloseTo(0.75 / ((4 * 240) / 255), 6);
  });

  test("does not count what softmax does not see as an error", async () => {
    const first = fake((pixels) => [4 * pixels[0]!, 0]);
    const shifted = fake((pixels) => [4 * pixels[0]! + 3, 3]);
    const result = await compare([first, shifted], images, options);
    expect(result.logitError).toBeCloseTo(0, 6);
    expect(result.maxAbsDiff).toBeCloseTo(3, 5);
  });

  test("has no bound for a difference from logits that are all 0", async () => {
    const [zeros, ones] = [fake(() => [0, 0]), fake(() => [0, 1])];
    const apart = await compare([zeros, ones], images, options);
    expect(apart).toMatchObject({ maxAbsDiff: 1, maxRelDiff: Number.POSITIVE_INFINITY });
    const alike = await compare([zeros, zeros], images, options);
    expect(alike).toMatchObject({ maxAbsDiff: 0, maxRelDiff: 0 });
  });

  test("counts images of both in its progress", async () => {
    const seen: number[] = [];
    const onProgress = (done: number, total: number) => seen.push(done / total);
    const one = fake(() => [1, 0]);
    await compare([one, one], images, { ...options, batch: 7, onProgress });
    expect(seen).toEqual([0.5, 1]);
  });

  test("refuses classifiers with different numbers of outputs", async () => {
    const unlabelled = withoutLabels(images);
    const pair = [fake(() => [1, 0], "a"), fake(() => [1, 0, 0], "b")] as const;
    await expect(compare(pair, unlabelled, options)).rejects.toThrow(
      "a has 2 outputs, but b has 3",
    );
  });
});

test.each([
  [[1, 4, 4], 150, [100, 50]],
  [[1, 2048, 2048], 3, [2, 1]],
  [[1, 4096, 2049], 2, [1, 1]],
] as const)(
  "of images of %j no more are shown at once than memory holds",
  async (shape, count, sizes) => {
    const shown: number[] = [];
    const classifier: Classifier = {
      ...fake(() => [1, 0]),
      shape,
      logits: async ({ shape: [size = 0] }) => {
        shown.push(size);
        return new Float32Array(2 * size);
      },
    };
    const pixels = new Uint8Array(count * shape[1] * shape[2]);
    const blank = inMemory({
      name: "blank",
      pixels,
      labels: new Int32Array(count),
      shape,
      classes: ["a", "b"],
    });
    await evaluate(classifier, blank, { mean: [0], std: [1] });
    expect(shown).toEqual(sizes);
  },
);

test("measureLatency asks for batches of 1 and 64", async () => {
  expect(await measureLatency(fake(() => [1]))).toEqual({ batch1: 0.1, batch64: 6.4 });
});

describe("a classifier in ONNX Runtime", () => {
  test.each<Dimension>(["batch", 1, 4])("with batch size %s answers every image", async (batch) => {
    const model = encodeModel(linearModel(largerChannel, batch));
    await using classifier = await OnnxClassifier.open(model, images, { threads: 1 });
    expect(classifier.outputs).toBe(2);
    expect((await evaluate(classifier, images, options)).accuracy).toBe(1);
    expect(await classifier.latency({ batch: 8, seconds: 0.02 })).toBeGreaterThan(0);
    const pair = [classifier, classifier] as const;
    const times = await OnnxClassifier.compareLatency(pair, { batch: 8, seconds: 0.02 });
    expect(Math.min(...times)).toBeGreaterThan(0);
  });

  test("of open image size takes that of the data", async () => {
    const builder = new GraphBuilder();
    builder.output(
      builder.flatten(builder.globalAveragePool(builder.input("x", [1, 2, 2, 2]))),
      "y",
    );
    const graph = builder.build();
    const inputs = [{ name: "x", dtype: "float32", shape: ["n", 2, "h", "w"] }] as const;
    const bytes = encodeModel({
      ...graph,
      inputs,
      outputs: [{ name: "y", dtype: "float32", shape: undefined }],
    });
    await using classifier = await OnnxClassifier.open(bytes, images, { threads: 1 });
    expect(classifier.shape).toEqual([2, 2, 2]);
    expect((await evaluate(classifier, images, options)).accuracy).toBe(1);
    expect(await classifier.latency({ batch: 2, seconds: 0.02 })).toBeGreaterThan(0);
  });

  async function opening(graph: Graph): Promise<Error> {
    const session = await OnnxSession.open(encodeModel(graph), { name: "m.onnx" });
    const error = await failure(OnnxClassifier.adopt(session, images));
    await expect(session.run({})).rejects.toThrow("the ONNX Runtime session of m.onnx is closed");
    return error;
  }

  test("must take the data's shape", async () => {
    const builder = new GraphBuilder();
    builder.output(builder.flatten(builder.input("x", ["n", 3, 32, 32])), "y");
    const error = await opening(builder.build());
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain("m.onnx takes images of 3×32×32");
    expect(error.message).toContain("seven images are 2×2×2");
  });

  test("must have one input of rank 4", async () => {
    const flat = new GraphBuilder();
    flat.output(flat.relu(flat.input("x", ["n", 8])), "y");
    expect((await opening(flat.build())).message).toContain(
      'expected input "x" of m.onnx to be float32 or uint8 [batch, channels, height, width], but it is float32 [n, 8]',
    );
    const two = new GraphBuilder();
    two.output(two.add(two.input("a", ["n", 2, 2, 2]), two.input("b", ["n", 2, 2, 2])), "y");
    const error = await opening(two.build());
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain('it has "a", "b"');
  });

  test("must give a row of logits for each image", async () => {
    const builder = new GraphBuilder();
    const input = builder.input("x", ["n", 2, 2, 2]);
    const attributes = { perm: { type: "ints", value: [1, 0, 2, 3] } } as const;
    builder.output(builder.node("Transpose", [input], { attributes }), "y");
    expect((await opening(builder.build())).message).toContain("it gives [2, 1, 2, 2] for 1 image");
  });
});

describe("a classifier on libtorch", () => {
  test.each<Dimension>(["batch", 4])(
    "with batch size %s agrees with ONNX Runtime",
    async (batch) => {
      const graph = linearModel(
        [
          [1.5, -0.25],
          [0.125, 1],
        ],
        batch,
      );
      const before = await collectGarbage();
      const network = new Network(graph);
      const torch = new NetworkClassifier(network, { name: "torch", shape: images.shape });
      await using onnx = await OnnxClassifier.open(encodeModel(graph), images, { threads: 1 });
      const { evaluations, agreement, maxAbsDiff } = await compare([torch, onnx], images, options);
      expect(agreement).toBe(1);
      expect(evaluations[0].accuracy).toBe(evaluations[1].accuracy);
      expect(maxAbsDiff).toBeLessThan(1e-6);
      expect(await torch.latency({ batch: 4, seconds: 0.02 })).toBeGreaterThan(0);
      network.dispose();
      expect(liveTensors()).toBe(before);
    },
  );
});
