// Models of other kinds are refused by what they are, not by the first operator that is unknown.
import { describe, expect, test } from "vitest";
import { assertSupported } from "../../src/engine/index.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { assertImageClassifier } from "../../src/graph/otherKinds.ts";
import { graph, node } from "./graphs.ts";

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
])(
  "a file that computes on integers (%s %s) is refused with the form that runs",
  (domain, operator) => {
    const integers = graph({
      inputs: { x: [1, 4] },
      nodes: [{ ...node(operator, ["x"], "y"), domain }],
      outputs: ["y"],
    });
    expect(() => assertSupported(integers)).toThrow(/computes on integers.*QuantFormat\.QDQ/s);
    expect(() => assertSupported(integers)).not.toThrow(/ORT_ENABLE_BASIC/);
  },
);
