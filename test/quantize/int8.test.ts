// int8 graphs in ONNX Runtime: they answer nearly as before, on integers.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { renameTensors } from "../../src/graph/rewrites.ts";
import { fromFloat32, fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { calibrate } from "../../src/quantize/calibrate.ts";
import { integerTensors, quantizeToInt8, reluBeforePooling } from "../../src/quantize/int8.ts";
import { withOpsetForInt8 } from "../../src/quantize/opset.ts";
import { float32, int64, node, graph as smallGraph } from "../graph/graphs.ts";
import { evaluate, randomInput, relativeDifference } from "../graph/onnxruntime.ts";

const folder = mkdtempSync(join(tmpdir(), "deepobf-int8-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Head = (build: GraphBuilder, x: string) => string;

/** Two convolutions, the first with pooling before its ReLU, as chains have it. */
function chain(head: Head, { activation = "Relu", opset = 17 } = {}): Graph {
  const build = new GraphBuilder({ seed: 4, opset });
  let x = build.input("image", ["N", 3, 12, 12]);
  x = build.conv(x, { name: "a", outputs: 16, kernel: 3, padding: 1, bias: true });
  x = build.node(activation, [build.maxPool(x, { kernel: 2 })]);
  x = build.conv(x, { name: "b", outputs: 16, kernel: 3, padding: 1, bias: true });
  x = build.node(activation, [x]);
  build.output(head(build, x), "logits");
  return build.build();
}

const pooled: Head = (b, x) =>
  b.linear(b.flatten(b.globalAveragePool(x)), { name: "fc", outputs: 5 });
const convolved: Head = (b, x) => b.conv(x, { name: "c", outputs: 16, kernel: 1 });
const heads: Readonly<Record<string, Head>> = {
  "global pooling": pooled,
  "a flattened map": (b, x) => b.linear(b.flatten(x), { name: "fc", outputs: 5 }),
  "a hidden layer": (b, x) => {
    const hidden = b.linear(b.flatten(x), { name: "hidden", outputs: 9 });
    return b.linear(b.relu(hidden), { name: "fc", outputs: 5 });
  },
  "a last convolution": (b, x) =>
    b.flatten(b.globalAveragePool(b.conv(x, { name: "c", outputs: 5, kernel: 1 }))),
};

async function toInt8(graph: Graph, shape: readonly number[]): Promise<Graph> {
  const prepared = reluBeforePooling(graph);
  const { values } = randomInput("image", shape);
  const ranges = await calibrate(prepared, integerTensors(prepared).values(), {
    batches: [fromFloat32(shape, values)],
    threads: 1,
  });
  return quantizeToInt8(prepared, ranges);
}

/** The graph as ONNX Runtime rewrites it for itself. */
async function optimized(graph: Graph): Promise<string> {
  const path = join(folder, "optimized.onnx");
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    optimizedModelFilePath: path,
    logSeverityLevel: 4,
  });
  await session.release();
  return readFileSync(path).toString("latin1");
}

const shape = [8, 3, 12, 12];

describe("quantizeToInt8", () => {
  test.each(Object.entries(heads))("answers nearly as before: %s", async (_, head) => {
    for (const activation of ["Relu", "HardSwish"]) {
      const graph = chain(head, { activation });
      const integer = await toInt8(graph, shape);
      const read = parseModel(encodeModel(integer));
      const [before, after] = [
        (await evaluate(graph, { image: shape })).logits!,
        (await evaluate(read, { image: shape })).logits!,
      ];
      const difference = relativeDifference(before, after);
      expect(difference).toBeLessThan(0.05);
      expect(difference).toBeGreaterThan(1e-4);
    }
  });

  test("ONNX Runtime computes its layers on integers, with ReLU joined in", async () => {
    const text = await optimized(await toInt8(chain(heads["a hidden layer"]!), shape));
    expect(text).toContain("QLinearConv");
    expect(text).toContain("QGemm");
    expect(text.match(/QGemm/g)).toHaveLength(2);
    expect(text).not.toMatch(/Relu|FusedConv/);
  });

  test("holds weights as int8 with one scale an output, and no name", async () => {
    const graph = chain(pooled);
    const { initializers, nodes } = await toInt8(graph, shape);
    const weights = [...initializers.values()].filter(({ dtype }) => dtype === "int8");
    expect(weights.map(({ shape }) => shape)).toEqual(
      expect.arrayContaining([
        [16, 3, 3, 3],
        [16, 16, 3, 3],
        [5, 16],
      ]),
    );
    const floats = [...initializers.values()].filter(({ dtype }) => dtype === "float32");
    expect(Math.max(...floats.map(({ data }) => data.length / 4))).toBe(16);
    expect(nodes.every(({ name }) => name === "")).toBe(true);
    expect([...initializers.keys()].every((name) => /^\d+$/.test(name))).toBe(true);
  });

  test("keeps what is small beside other outputs, whichever way round the weights lie", async () => {
    const sizes = [1000, 1, 0.001];
    const drawn = randomInput("weights", [6, 3]).values;
    const columns = drawn.map((value, place) => value * sizes[place % 3]!);
    const rows = drawn.map((_, place) => columns[(place % 6) * 3 + Math.floor(place / 6)]!);
    const bias = sizes.map((size) => -0.2 * size);
    for (const [transB, weight] of [
      [0, fromFloat32([6, 3], columns)],
      [1, fromFloat32([3, 6], rows)],
    ] as const) {
      const graph = smallGraph({
        inputs: { image: ["N", 6] },
        initializers: { weight, bias: float32([3], bias) },
        nodes: [
          node("Relu", ["image"], "x"),
          node("Gemm", ["x", "weight", "bias"], "logits", { transB }),
        ],
        outputs: ["logits"],
      });
      const images = { image: [40, 6] };
      const [before, after] = [
        (await evaluate(graph, images)).logits!.values,
        (await evaluate(await toInt8(graph, images.image), images)).logits!.values,
      ];
      for (const [output, size] of sizes.entries()) {
        const errors = before
          .filter((_, place) => place % 3 === output)
          .map((value, row) => Math.abs(value - after[3 * row + output]!) / size);
        expect(Math.max(...errors)).toBeLessThan(0.05);
      }
    }
  });

  test("takes no name that the file has", async () => {
    const [graph, taken] = ["logits", "image.real"].map((output) =>
      renameTensors(chain(pooled), (name) => (name === "logits" ? output : name)),
    ) as [Graph, Graph];
    const answer = async (each: Graph) =>
      Object.values(await evaluate(parseModel(encodeModel(each)), { image: shape }))[0]!;
    const [expected, found] = [await toInt8(graph, shape), await toInt8(taken, shape)];
    expect((await answer(found)).values).toEqual((await answer(expected)).values);
  });

  test("max pooling gives the scale that it gets, and logits stay real numbers", async () => {
    const graph = reluBeforePooling(chain(pooled));
    const tensors = integerTensors(graph);
    const pool = graph.nodes.find(({ operator }) => operator === "MaxPool")!;
    expect(tensors.get(pool.outputs[0]!)).toBe(pool.inputs[0]);
    expect(tensors.has("logits")).toBe(false);
    expect(tensors.get("image")).toBe("image");
  });

  test("ReLU moves before max pooling, which changes no bit", async () => {
    const graph = chain(pooled);
    const moved = reluBeforePooling(graph);
    expect(moved.nodes.map(({ operator }) => operator).slice(0, 3)).toEqual([
      ...["Conv", "Relu", "MaxPool"],
    ]);
    const [before, after] = [
      await evaluate(graph, { image: shape }),
      await evaluate(moved, { image: shape }),
    ];
    expect(after.logits!.values).toEqual(before.logits!.values);
  });
});

test.each([
  ["another node reads what is pooled", (b: GraphBuilder, x: string) => b.add(b.relu(x), x)],
  [
    "what is pooled is an output",
    (b: GraphBuilder, x: string) => {
      b.output(x, "pooled");
      return b.relu(x);
    },
  ],
])("ReLU stays behind max pooling where %s", (_, head) => {
  const build = new GraphBuilder({ seed: 4 });
  const image = build.input("image", ["N", 3, 12, 12]);
  const map = build.conv(image, { name: "a", outputs: 4, kernel: 3, bias: true });
  build.output(head(build, build.maxPool(map, { kernel: 2 })), "map");
  const graph = build.build();
  expect(reluBeforePooling(graph)).toEqual(graph);
});

describe("calibrate", () => {
  test("finds the range over all batches", async () => {
    const build = new GraphBuilder();
    build.output(build.relu(build.input("image", ["N", 1, 1, 2])), "logits");
    const batch = (...values: number[]) => fromNumbers("float32", [1, 1, 1, 2], values);
    const ranges = await calibrate(build.build(), ["image", "logits"], {
      batches: [batch(-1, 2), batch(0.5, -3)],
      threads: 1,
    });
    expect(ranges.get("image")).toEqual({ least: -3, greatest: 2 });
    expect(ranges.get("logits")).toEqual({ least: 0, greatest: 2 });
  });

  test("refuses values that are no numbers", async () => {
    const build = new GraphBuilder();
    build.output(build.relu(build.input("image", ["N", 1, 1, 2])), "logits");
    const batches = [fromNumbers("float32", [1, 1, 1, 2], [Number.NaN, 2])];
    await expect(
      calibrate(build.build(), ["image", "logits"], { batches, threads: 1 }),
    ).rejects.toThrow("takes values from NaN to NaN");
  });
});

describe("withOpsetForInt8", () => {
  test.each([9, 11, 12])("raises opset %d, and the answers stay", async (opset) => {
    const graph = chain(pooled, { opset });
    const raised = withOpsetForInt8(graph);
    expect(raised.opset).toBe(17);
    const [before, after] = [
      await evaluate(graph, { image: shape }),
      await evaluate(await toInt8(raised, shape), { image: shape }),
    ];
    expect(relativeDifference(before.logits!, after.logits!)).toBeLessThan(0.05);
  });

  test("leaves an opset that has int8 as it is", () => {
    const graph = chain(pooled, { opset: 13 });
    expect(withOpsetForInt8(graph)).toBe(graph);
  });

  test("takes limits of Clip from opset 11 on, where they are no attributes, and nothing before opset 9", () => {
    const clipped = (opset: number) => chain(pooled, { activation: "Clip", opset });
    expect(withOpsetForInt8(clipped(11)).opset).toBe(17);
    for (const opset of [9, 10]) {
      expect(() => withOpsetForInt8(clipped(opset))).toThrow(`opset ${opset} with Clip`);
    }
    expect(() => withOpsetForInt8({ ...chain(pooled), opset: 8 })).toThrow("opset 8 with Conv");
  });

  const axes = (b: GraphBuilder, ...values: number[]) => b.initializer("axes", int64(...values));
  const mean = (b: GraphBuilder, x: string, ...over: number[]) => {
    const attributes = { keepdims: { type: "int", value: 0 } } as const;
    const means = b.node("ReduceMean", [x, axes(b, ...over)], { attributes });
    return b.linear(means, { name: "fc", outputs: 5 });
  };
  const tokens = (b: GraphBuilder, x: string) =>
    b.node("Reshape", [x, b.initializer("sizes", int64(0, 16, 36))]);

  test.each<[string, Head]>([
    ["Reshape", (b, x) => mean(b, tokens(b, x), 2)],
    [
      "Reshape of a pooled map",
      (b, x) => mean(b, tokens(b, b.relu(b.maxPool(convolved(b, x), { kernel: 1 }))), 2),
    ],
    [
      "Transpose",
      (b, x) => {
        const attributes = { perm: { type: "ints", value: [0, 2, 3, 1] } } as const;
        return mean(b, b.node("Transpose", [x], { attributes }), 1, 2);
      },
    ],
    [
      "Unsqueeze",
      (b, x) => mean(b, b.node("Unsqueeze", [x, b.initializer("last", int64(4))]), 2, 3, 4),
    ],
  ])("lowers a later opset than 20 for a %s, and the answers stay", async (_, head) => {
    const graph = chain(head, { opset: 22 });
    const lowered = withOpsetForInt8(graph);
    expect(lowered.opset).toBe(20);
    const [before, after] = [
      await evaluate(graph, { image: shape }),
      await evaluate(await toInt8(lowered, shape), { image: shape }),
    ];
    expect(relativeDifference(before.logits!, after.logits!)).toBeLessThan(0.05);
  });

  test("leaves a later opset as it is where no integers move", async () => {
    const fc = (b: GraphBuilder, x: string) => b.linear(x, { name: "fc", outputs: 5 });
    const row = (b: GraphBuilder) => b.initializer("row", int64(0, 16));
    const reshaped: Head = (b, x) => fc(b, b.node("Reshape", [b.globalAveragePool(x), row(b)]));
    for (const head of [pooled, reshaped]) {
      const graph = chain(head, { opset: 22 });
      expect(withOpsetForInt8(graph)).toBe(graph);
      const { logits } = await evaluate(await toInt8(graph, shape), { image: shape });
      expect(logits!.shape).toEqual([8, 5]);
    }
  });

  test.each<[operator: string, opset: number, node: Head]>([
    ["Swish", 24, (b, x) => b.node("Swish", [x])],
    [
      "GroupNormalization",
      21,
      (b, x) => {
        const parameters = ["scale", "shift"].map((name) => b.initializer(name, float32([16])));
        return b.node("GroupNormalization", [x, ...parameters], {
          attributes: { num_groups: { type: "int", value: 4 } },
        });
      },
    ],
  ])("refuses %s, which opset 20 lacks or means otherwise", (operator, opset, apply) => {
    const graph = chain((b, x) => mean(b, apply(b, tokens(b, x)), 2), { opset });
    expect(() => withOpsetForInt8(graph)).toThrow(ModelError);
    expect(() => withOpsetForInt8(graph)).toThrow(
      `needs opset 20 or earlier where a reshape or transpose follows a quantized layer, but the original has opset ` +
        `${opset} with ${operator}: export it again with opset 20, or leave int8 out`,
    );
  });

  test("refuses operators that mean something else later", () => {
    const graph = chain((b, x) => b.node("Softmax", [pooled(b, x)]), { opset: 12 });
    expect(() => withOpsetForInt8(graph)).toThrow(ModelError);
    expect(() => withOpsetForInt8(graph)).toThrow(
      "--quantize int8 needs opset 13 or later, but the original has opset 12 with Softmax",
    );
  });
});

test("zero points hit 0 exactly", async () => {
  const { initializers, nodes } = await toInt8(chain(pooled), shape);
  const first = nodes.find(({ operator }) => operator === "QuantizeLinear")!;
  const [scale, zero] = first.inputs.slice(1).map((name) => toNumbers(initializers.get(name)!)[0]!);
  expect(Number.isInteger(zero)).toBe(true);
  expect(Math.abs(zero!)).toBeLessThanOrEqual(128);
  expect(scale).toBeGreaterThan(0);
});
