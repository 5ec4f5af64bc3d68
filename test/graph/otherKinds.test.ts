// Models of other kinds are refused by what they are, not by the first operator that is unknown.
import { describe, expect, test } from "vitest";
import { assertSupported } from "../../src/engine/index.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { assertImageClassifier, assertTakesImages } from "../../src/graph/otherKinds.ts";
import { float32, graph, int64, node } from "./graphs.ts";

const detector = graph({
  inputs: { boxes: [1, 10, 4], scores: [1, 1, 10] },
  nodes: [node("NonMaxSuppression", ["boxes", "scores"], "chosen")],
  outputs: ["chosen"],
});
const recurrent = graph({
  inputs: { x: [5, 1, 4] },
  nodes: [node("LSTM", ["x", "w", "r"], "y")],
  outputs: ["y"],
});

describe("inspect says first", () => {
  test.each([
    ["of a detector", detector, /^the model is a detector \(NonMaxSuppression node "chosen"\)/],
    ["of a recurrent model", recurrent, /^the model is a recurrent model \(LSTM node "y"\)/],
  ])("%s what it is", (_, model, message) => {
    expect(inspectGraph(model).warnings[0]).toMatch(message);
    expect(() => assertImageClassifier(model)).toThrow(message);
  });
});

test("a file that ONNX Runtime optimized is refused with the line that optimizes otherwise", () => {
  const [x, y] = ["x", "y"];
  const fused = graph({
    inputs: { x: [1, 4] },
    nodes: [{ ...node("FusedGemm", [x], y), domain: "com.microsoft" }],
    outputs: [y],
  });
  const advice = /com\.microsoft\.FusedGemm.*as it was exported.*ORT_ENABLE_BASIC/s;
  expect(() => assertSupported(fused)).toThrow(advice);
  expect(inspectGraph(fused).warnings.join("\n")).toMatch(advice);
});

test.each([
  ["", "QLinearConv"],
  ["", "MatMulInteger"],
  ["com.microsoft", "QGemm"],
  ["com.microsoft", "QuantizeLinear"],
  ["", "DequantizeLinear", { block_size: 2 }],
])(
  "a file that computes on integers (%s %s) is refused with the form that runs",
  (domain, operator, values: Parameters<typeof node>[3] = {}) => {
    const integers = graph({
      inputs: { x: [1, 4], scale: [1, 2] },
      nodes: [{ ...node(operator, ["x", "scale"], "y", values), domain }],
      outputs: ["y"],
    });
    expect(() => assertSupported(integers)).toThrow(
      /computes on integers.*QuantFormat\.QDQ.*"UseQDQContribOps": False.*ORT_ENABLE_BASIC/s,
    );
  },
);

describe("a model that takes anything else than images is refused for that", () => {
  const weights = { m: float32([4, 2]), w: float32([4, 3, 3, 3]) };
  const conv = [
    node("Conv", ["images", "w"], "c"),
    node("GlobalAveragePool", ["c"], "g"),
    node("Flatten", ["g"], "f"),
  ];
  test.each([
    [
      "a second input",
      { x: ["N", 3, 8, 8], age: ["N", 4] },
      [node("Identity", ["x"], "images"), ...conv, node("Add", ["f", "age"], "s")],
      /^the model takes 2 inputs \("x" float32 \[N, 3, 8, 8\], "age" float32 \[N, 4\]\).*with the other inputs fixed/s,
    ],
    [
      "one image without a batch",
      { x: [3, 8, 8] },
      [node("Unsqueeze", ["x", "first"], "images"), ...conv, node("Identity", ["f"], "s")],
      /^the model takes "x" float32 \[3, 8, 8\], not images \[batch.*an axis for the batch.*torch\.onnx\.export/s,
    ],
    [
      "rows of pixels",
      { x: ["N", 192] },
      [node("Reshape", ["x", "sizes"], "images"), ...conv, node("Identity", ["f"], "s")],
      /^the model takes "x" float32 \[N, 192\], not images \[batch/,
    ],
  ] as const)("%s", (_, inputs, nodes, message) => {
    const model = graph({
      inputs,
      initializers: { ...weights, first: int64(0), sizes: int64(-1, 3, 8, 8) },
      nodes: [...nodes, node("MatMul", ["s", "m"], "y")],
      outputs: ["y"],
    });
    expect(() => assertTakesImages(model)).toThrow(message);
    const inspection = inspectGraph(model);
    const { warnings } = inspection;
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(message);
    expect(inspection.boundary).toBeNull();
  });
});

test.each(["com.microsoft.extensions", "ai.onnx.contrib"])(
  "operators of onnxruntime-extensions (%s) are refused for what they do",
  (domain) => {
    const decoding = graph({
      inputs: { x: { dtype: "uint8", shape: ["bytes"] } },
      nodes: [{ ...node("DecodeImage", ["x"], "y"), domain }],
      outputs: ["y"],
    });
    expect(() => assertSupported(decoding)).toThrow(/onnxruntime-extensions.*decode/s);
    expect(() => assertSupported(decoding)).not.toThrow(/ORT_ENABLE_BASIC/);
  },
);
