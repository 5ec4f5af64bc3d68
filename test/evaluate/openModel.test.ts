// Originals that ONNX Runtime refuses as files, or whose files do not give what is asked for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { ModelError } from "../../src/errors.ts";
import { type OpenedModel, openModel, openOriginal } from "../../src/evaluate/openModel.ts";
import { adoptModel } from "../../src/graph/adopt.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { DataType, Graph, Node, TensorData } from "../../src/graph/graph.ts";
import { toFloat32Graph } from "../../src/graph/rewrites.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel, readModel } from "../../src/onnx/index.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { float32, graph, int64, node } from "../graph/graphs.ts";
import * as proto from "../onnx/protos.ts";

const folder = mkdtempSync(join(tmpdir(), "open-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function answerOf({ session }: OpenedModel, x: TensorData): Promise<number[]> {
  await using opened = session;
  const { y } = await opened.run({ x });
  return toNumbers(y!);
}

describe("openModel", () => {
  test("takes the sizes that lie in external data", async () => {
    const entries = { location: "sizes.bin", offset: "0", length: "16" };
    const external = Object.entries(entries).map(
      ([key, value]) => [13, proto.message([1, key], [2, value])] as const,
    );
    const sizes = proto.tensor("sizes", { type: 7, dims: [2] }, [14, 1], ...external);
    const path = join(folder, "sizes.onnx");
    writeFileSync(join(folder, "sizes.bin"), proto.bytesOf(BigInt64Array.of(2n, -1n)));
    writeFileSync(
      path,
      proto.model({
        graph: proto.graph({
          nodes: [proto.node("Reshape", ["x", "sizes"], ["y"])],
          inputs: [proto.value("x", [1, 6])],
          outputs: [proto.value("y", [2, 3])],
          initializers: [sizes],
        }),
      }),
    );
    await expect(OnnxSession.open(path)).rejects.toThrow("external");
    const read = await readModel(path);
    const session = await openModel(path, [() => read]);
    const x = fromNumbers("float32", [1, 6], [1, 2, 3, 4, 5, 6]);
    expect(await answerOf(session, x)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("counts padding before max pooling by its value, which ONNX Runtime's fusion does not", async () => {
    const build = new GraphBuilder();
    const pads = build.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
    const padded = build.node("Pad", [build.input("x", ["N", 1, 2, 2]), pads]);
    build.output(build.maxPool(padded, { kernel: 3, stride: 1, padding: 0 }), "y");
    const path = join(folder, "padded.onnx");
    writeFileSync(path, encodeModel(build.build()));
    const read = await readModel(path);
    const x = fromNumbers("float32", [1, 1, 2, 2], [-1, -2, -3, -4]);
    expect(await answerOf(await openModel(path, [], { graph: read }), x)).toEqual([0, 0, 0, 0]);
  });

  test("opens the graph where the file gives its scores to names of classes", async () => {
    const model = new GraphBuilder();
    model.output(model.relu(model.input("x", [1, 2])), "y");
    const read = model.build();
    const path = join(folder, "named.onnx");
    writeFileSync(path, encodeModel({ ...read, outputs: [{ ...read.outputs[0]!, name: "x" }] }));
    const session = await openModel(path, [() => read], { outputs: ["y"] });
    const x = fromNumbers("float32", [1, 2], [-1, 2]);
    expect(await answerOf(session, x)).toEqual([0, 2]);
  });

  test("opens the graph where the file asks for an input that it does without", async () => {
    const model = new GraphBuilder();
    const y = model.relu(model.input("x", [1, 2]));
    model.input("labels", [1]);
    model.output(y, "y");
    const file = model.build();
    const path = join(folder, "labelled.onnx");
    writeFileSync(path, encodeModel(file));
    const read = { ...file, inputs: file.inputs.slice(0, 1) };
    const x = fromNumbers("float32", [1, 2], [-1, 2]);
    const session = await openModel(path, [() => read], { graph: read });
    expect(await answerOf(session, x)).toEqual([0, 2]);
    const attempt = openModel(path, [], { graph: read });
    await expect(attempt).rejects.toThrow(/labelled\.onnx asks for the input "labels"/);
  });

  test("runs doubles in float32, and complains of the file where nothing runs", async () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 1, 2, 2]);
    const weight = build.initializer("w", fromNumbers("float64", [1, 1, 1, 1], [3]));
    build.output(build.node("Conv", [x, weight]), "y");
    const built = build.build();
    const info = <T>(value: T) => ({ ...value, dtype: "float64" as const });
    const file = { ...built, inputs: built.inputs.map(info), outputs: built.outputs.map(info) };
    const path = join(folder, "double.onnx");
    writeFileSync(path, encodeModel(file));
    const images = fromNumbers("float32", [1, 1, 2, 2], [1, 2, 3, 4]);
    const session = await openModel(path, [() => file, () => toFloat32Graph(file)]);
    expect(await answerOf(session, images)).toEqual([3, 6, 9, 12]);
    const attempt = openModel(path, [
      () => {
        throw new ModelError("another");
      },
    ]);
    await expect(attempt).rejects.toThrow(/double\.onnx.*Conv/);
    const fail = () => {
      throw new ModelError("the same");
    };
    const twice = await openModel(path, [fail, fail]).catch((error: Error) => error.message);
    expect(String(twice).match(/nor what was read of it: the same/g)).toHaveLength(1);
  });
});

describe("openOriginal", () => {
  const shape = [1, 2, 2] as const;
  const images = fromNumbers("float32", [2, ...shape], [0.4, 1.6, -0.6, 2, 3, 3, 3, 3.4]);
  const data: Dataset = {
    name: "two",
    shape,
    count: 2,
    read: async () => new Uint8Array(8),
  };

  /** Quantizes images to whole numbers, which rounds them, and multiplies them by a matrix. */
  const quantized = (weight: TensorData, tail: readonly Node[]): Graph =>
    graph({
      inputs: { x: [1, ...shape] },
      initializers: { scale: float32([], [1]), zero: fromNumbers("uint8", [], [128]), weight },
      nodes: [
        node("QuantizeLinear", ["x", "scale", "zero"], "q"),
        node("DequantizeLinear", ["q", "scale", "zero"], "f"),
        node("Flatten", ["f"], "flat"),
        node("Gemm", ["flat", "weight"], "z"),
        ...tail,
      ],
      outputs: ["y"],
    });
  const identity = float32([4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  const [softmax, sigmoid] = [node("Softmax", ["z"], "y"), node("Sigmoid", ["z"], "y")];
  const argmax = node("ArgMax", ["z"], "y", { axis: 1 });

  async function logitsOf(file: Graph, isOfAnyBatch: boolean) {
    const path = join(folder, "original.onnx");
    writeFileSync(path, encodeModel(file));
    const adopted = adoptModel(file, { shape, name: "it" });
    const original = { path, layout: "NCHW" as const, graph: adopted };
    await using opened = await openOriginal(original, data, { isOfAnyBatch });
    const logits = await opened.classifier.logits(images);
    return { logits: [...logits], isStandIn: opened.isStandIn };
  }

  const powers = [0, 2, -1, 2].map(Math.exp);
  const sum = powers.reduce((a, b) => a + b);
  const even = [0.25, 0.25, 0.25, 0.25];

  test.each([
    ["a softmax", quantized(identity, [softmax]), [...powers.map((p) => p / sum), ...even]],
    ["a sigmoid", quantized(float32([4, 1]), [sigmoid]), [0, 3, 0, 12]],
    ["a class", quantized(identity, [argmax]), [0, 2, -1, 2, 3, 3, 3, 3]],
  ])(
    "rounds as the file does, that ends in %s, for any number of images",
    async (_, file, expected) => {
      for (const isOfAnyBatch of [false, true]) {
        const { logits, isStandIn } = await logitsOf(file, isOfAnyBatch);
        expect(isStandIn).toBe(false);
        expect(logits).toHaveLength(expected.length);
        for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
      }
    },
  );

  test("sees the logit before a sigmoid of whole numbers", async () => {
    const quantize = node("QuantizeLinear", ["z", "scale", "zero"], "z.q");
    const inputs = ["z.q", "scale", "zero", "scale", "zero"];
    const fused = { ...node("QLinearSigmoid", inputs, "s"), domain: "com.microsoft" };
    const answer = node("DequantizeLinear", ["s", "scale", "zero"], "y");
    const file = quantized(float32([4, 1]), [quantize, fused, answer]);
    expect(await logitsOf(file, true)).toEqual({ logits: [0, 3, 0, 12], isStandIn: false });
  });

  test("rounds to half precision where the file does", async () => {
    const half = (values: number[], sizes: number[]) => fromNumbers("float16", sizes, values);
    const x = { dtype: "float16" as DataType, shape: ["N", ...shape] };
    const file = graph({
      inputs: { x },
      initializers: { weight: half([0, 0, 0, 2.5], [4, 1]), bias: half([2048], [1]) },
      nodes: [
        node("Flatten", ["x"], "flat"),
        node("Gemm", ["flat", "weight", "bias"], "z"),
        node("Sigmoid", ["z"], "y"),
      ],
      outputs: ["y"],
    });
    const outputs = file.outputs.map((output) => ({ ...output, dtype: "float16" as const }));
    // Halves are even numbers from 2048 on: 2053 and, of the second image, 2056.5 are none.
    const expected = { logits: [0, 2052, 0, 2056], isStandIn: false };
    expect(await logitsOf({ ...file, outputs }, false)).toEqual(expected);
    const [flatten, gemm] = file.nodes as [Node, Node];
    const between = [
      node("Cast", ["x"], "half", { to: 10 }),
      { ...flatten, inputs: ["half"] },
      gemm,
      node("Sigmoid", ["z"], "s"),
      node("Cast", ["s"], "y", { to: 1 }),
    ];
    const inputs = [{ ...file.inputs[0]!, dtype: "float32" as const }];
    expect(await logitsOf({ ...file, inputs, nodes: between }, false)).toEqual(expected);
  });

  test("says that the graph in float32 stands in for scores that are whole numbers", async () => {
    const tail = [
      node("QuantizeLinear", ["z", "scale", "zero"], "z.q"),
      node("ArgMax", ["z.q"], "y", { axis: 1 }),
    ];
    const { logits, isStandIn } = await logitsOf(quantized(identity, tail), true);
    expect(isStandIn).toBe(true);
    expect(logits).toEqual([...toNumbers(images)]);
  });
});
