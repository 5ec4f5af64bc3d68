// What ONNX Runtime's optimizer fused, taken apart, against ONNX Runtime on the fused file.
import { describe, expect, test } from "vitest";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import type { Node } from "../../src/graph/graph.ts";
import { unfuse } from "../../src/graph/rewrites.ts";
import { fromFloat32, fromNumbers, typedView } from "../../src/graph/tensorData.ts";
import { float32, graph, node } from "./graphs.ts";
import { encodeOwn, evaluate, randomInput, relativeDifference, runModel } from "./onnxruntime.ts";

const own = (...given: Parameters<typeof node>): Node => ({
  ...node(...given),
  domain: "com.microsoft",
});
const weights = (name: string, shape: readonly number[]) =>
  float32(shape, [...randomInput(name, shape).values]);

const [image, vector] = [
  [2, 3, 6, 6],
  [2, 4],
];
const initializers = {
  w: weights("w", [4, 3, 3, 3]),
  b: weights("b", [4]),
  m: weights("m", [5, 4]),
  c: weights("c", [5]),
  four: weights("four", [4]),
  six: weights("six", [6]),
  z: weights("z", [2, 4, 6, 6]),
};
const layerNorm = ["ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add"];
const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const conv = (values: Record<string, string | readonly number[]>, inputs = ["x", "w", "b"]) =>
  own("FusedConv", inputs, "y", { ...padded, ...values });

describe("ONNX Runtime's own operators become standard ones", () => {
  test.each([
    ["Relu", 17, conv({ activation: "Relu" }), image, ["Conv", "Relu"]],
    ["no bias", 17, conv({ activation: "Sigmoid" }, ["x", "w"]), image, ["Conv", "Sigmoid"]],
    [
      "what is added before the activation",
      17,
      conv({ activation: "Relu" }, ["x", "w", "b", "z"]),
      image,
      ["Conv", "Add", "Relu"],
    ],
    [
      "what is added, and no bias",
      17,
      conv({ activation: "Sigmoid" }, ["x", "w", "", "z"]),
      image,
      ["Conv", "Add", "Sigmoid"],
    ],
    [
      "Clip",
      11,
      conv({ activation: "Clip", activation_params: [0.25, 1.5] }),
      image,
      ["Conv", "Clip"],
    ],
    [
      "Clip by attributes",
      10,
      conv({ activation: "Clip", activation_params: [0.25, 1.5] }),
      image,
      ["Conv", "Clip"],
    ],
    [
      "LeakyRelu",
      17,
      conv({ activation: "LeakyRelu", activation_params: [0.25] }),
      image,
      ["Conv", "LeakyRelu"],
    ],
    [
      "HardSigmoid",
      17,
      conv({ activation: "HardSigmoid", activation_params: [0.125, 0.25] }),
      image,
      ["Conv", "HardSigmoid"],
    ],
    [
      "FusedGemm",
      17,
      own("FusedGemm", ["x", "m", "c"], "y", {
        transB: 1,
        activation: "LeakyRelu",
        activation_alpha: 0.25,
      }),
      vector,
      ["Gemm", "LeakyRelu"],
    ],
    [
      "FusedMatMul",
      17,
      own("FusedMatMul", ["x", "m"], "y", { transB: 1, alpha: 0.5 }),
      vector,
      ["Transpose", "MatMul", "Mul"],
    ],
    ["Gelu", 17, own("Gelu", ["x"], "y"), vector, ["Div", "Erf", "Add", "Mul", "Mul"]],
    [
      "BiasGelu",
      17,
      own("BiasGelu", ["x", "four"], "y"),
      vector,
      ["Add", "Div", "Erf", "Add", "Mul", "Mul"],
    ],
    [
      "QuickGelu",
      17,
      own("QuickGelu", ["x"], "y", { alpha: 1.5 }),
      vector,
      ["Mul", "Sigmoid", "Mul"],
    ],
    [
      "LayerNormalization",
      13,
      node("LayerNormalization", ["x", "four", "b"], "y"),
      vector,
      layerNorm,
    ],
    [
      "LayerNormalization without a bias, of a positive axis",
      16,
      node("LayerNormalization", ["x", "six"], "y", { axis: 3, epsilon: 0.5 }),
      image,
      layerNorm.slice(0, -1),
    ],
  ] as const)("%s, opset %d", async (_, opset, fused, shape, operators) => {
    const used = Object.entries(initializers).filter(([name]) =>
      (fused.inputs as string[]).includes(name),
    );
    const model = graph({
      inputs: { x: shape },
      initializers: Object.fromEntries(used),
      nodes: [fused],
      outputs: ["y"],
      opset,
    });
    const plain = unfuse(model);
    expect(plain.nodes.map(({ operator }) => operator)).toEqual(operators);
    expect(plain.nodes.every(({ domain }) => domain === "")).toBe(true);
    const x = randomInput("x", shape);
    const file = await runModel(encodeOwn(model), { x: fromFloat32(shape, x.values) });
    const { shape: sizes } = file.y!;
    const wanted = { shape: sizes, values: typedView(file.y!) as Float32Array };
    expect(relativeDifference(wanted, (await evaluate(plain, { x })).y!)).toBeLessThan(1e-6);
  });
});

test.each([
  [
    "QLinearConv",
    own("QLinearConv", ["q", "s", "z", "k", "s", "k.z", "s", "z", "b"], "r", { channels_last: 1 }),
    3,
  ],
  [
    "QLinearGlobalAveragePool",
    own("QLinearGlobalAveragePool", ["q", "s", "z", "s", "z"], "r", { channels_last: 1 }),
    5,
  ],
  [
    "QLinearAveragePool",
    own("QLinearAveragePool", ["q", "s", "z", "s", "z"], "r", {
      channels_last: 1,
      kernel_shape: [2, 3],
    }),
    5,
  ],
  ["NhwcMaxPool", own("NhwcMaxPool", ["q"], "r", { kernel_shape: [3, 2], strides: [1, 2] }), 3],
])(
  "quantized maps with channels last become maps with channels first: %s",
  async (_, last, parts) => {
    const constants = {
      s: float32([], [0.05]),
      z: fromNumbers("uint8", [], [128]),
      k: fromNumbers(
        "int8",
        [4, 3, 2, 1],
        [...Array(24)].map((_, i) => ((7 * i) % 11) - 5),
      ),
      "k.z": fromNumbers("int8", [], [0]),
      b: fromNumbers("int32", [4], [40, -40, 80, 0]),
    };
    const x = [2, 4, 5, 3];
    const model = graph({
      inputs: { x },
      initializers: constants,
      nodes: [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        last,
        node("DequantizeLinear", ["r", "s", "z"], "y"),
      ],
      outputs: ["y"],
    });
    const plain = unfuse(model);
    expect(plain.nodes).toHaveLength(2 + parts);
    expect(plain.nodes.every(({ domain }) => domain === "")).toBe(true);
    const input = randomInput("x", x);
    const { y } = await runModel(encodeOwn(model), { x: fromFloat32(x, input.values) });
    const wanted = { shape: y!.shape, values: typedView(y!) as Float32Array };
    const values = (await evaluate(plain, { x: input })).y!;
    expect(values.shape).toEqual(wanted.shape);
    const most = Math.max(...values.values.map((value, i) => Math.abs(value - wanted.values[i]!)));
    expect(most).toBeLessThan(0.051);
    expect(Math.max(...wanted.values.map(Math.abs))).toBeGreaterThan(0.2);
  },
);

test("new numbers have the type of the weights", () => {
  const four = fromNumbers("float16", [4], [1, 2, 3, 4]);
  const nodes = [own("BiasGelu", ["x", "four"], "y")];
  const half = graph({ inputs: { x: [2, 4] }, initializers: { four }, nodes, outputs: ["y"] });
  const types = [...unfuse(half).initializers.values()].map(({ dtype }) => dtype);
  expect(types).toEqual(new Array(4).fill("float16"));
});

test("what is not known how to take apart stays, and inspect says so", () => {
  const unknown = graph({
    inputs: { x: [1, 3, 6, 6] },
    initializers: { w: initializers.w },
    nodes: [own("FusedConv", ["x", "w"], "y", { ...padded, activation: "Swish" })],
    outputs: ["y"],
  });
  expect(unfuse(unknown).nodes).toEqual(unknown.nodes);
  expect(inspectGraph(unknown).warnings[0]).toMatch(/com\.microsoft\.FusedConv.*ORT_ENABLE_BASIC/s);
});

test.each(["transA", "transBatchA", "transBatchB"])(
  "a product of turned factors stays: %s",
  (turned) => {
    const model = graph({
      inputs: { x: [4, 4] },
      initializers: { m: float32([4, 4]) },
      nodes: [own("FusedMatMul", ["x", "m"], "y", { [turned]: 1 })],
      outputs: ["y"],
    });
    expect(unfuse(model).nodes).toEqual(model.nodes);
  },
);

test("an activation of another type is refused", () => {
  const wrong = graph({
    inputs: { x: [1, 3, 6, 6] },
    initializers: { w: initializers.w },
    nodes: [own("FusedConv", ["x", "w"], "y", { ...padded, activation: 1 })],
    outputs: ["y"],
  });
  expect(() => unfuse(wrong)).toThrow(/"activation" must be of type string, but is of type int/);
});

test("what normalizes more than the last axis, or gives its mean, stays, and inspect says so", () => {
  const { x, six } = { x: [2, 3, 6, 6], six: initializers.six };
  const square = float32([6, 6], new Array<number>(36).fill(1));
  const models = [
    { initializers: { s: square }, of: node("LayerNormalization", ["x", "s"], "y", { axis: 2 }) },
    { initializers: { s: six }, of: node("LayerNormalization", ["x", "s"], ["y", "mean"]) },
  ].map(({ initializers: given, of }) =>
    graph({ inputs: { x }, initializers: given, nodes: [of], outputs: ["y"], opset: 13 }),
  );
  for (const model of models) {
    expect(unfuse(model).nodes).toEqual(model.nodes);
    expect(inspectGraph(model).warnings[0]).toMatch(/unsupported operators: LayerNormalization/);
  }
});
