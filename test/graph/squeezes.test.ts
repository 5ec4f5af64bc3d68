// `.squeeze()` without axes, as both of PyTorch's exporters write it, keeps the batch, whatever its size.
import { describe, expect, test } from "vitest";
import { classesOf } from "../../src/evaluate/classifier.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { adoptModel } from "../../src/graph/adopt.ts";
import type { Dimension, Node } from "../../src/graph/graph.ts";
import { float32, graph, node } from "./graphs.ts";
import { evaluate, randomInput, relativeDifference } from "./onnxruntime.ts";

const weights = (name: string, shape: readonly number[]) =>
  float32(shape, [...randomInput(name, shape).values]);

const network = (nodes: readonly Node[], opset: number, batch: Dimension = "N") =>
  graph({
    inputs: { x: [batch, 3, 8, 8] },
    initializers: { w: weights("w", [4, 3, 3, 3]), m: weights("m", [4, 5]) },
    nodes: [
      node("Conv", ["x", "w"], "c"),
      node("Relu", ["c"], "r"),
      node("GlobalAveragePool", ["r"], "p"),
      ...nodes,
    ],
    outputs: ["y"],
    opset,
  });
const features = [node("Squeeze", ["p"], "s"), node("MatMul", ["s", "m"], "y")];
const answers = [
  node("Flatten", ["p"], "f"),
  node("MatMul", ["f", "m"], "z"),
  node("Softmax", ["z"], "t", { axis: -1 }),
  node("Squeeze", ["t"], "y"),
];
const options = { shape: [3, 8, 8], name: "model.onnx" };

describe.each([
  ["features", features],
  ["answers", answers],
] as const)("of %s", (_, nodes) => {
  test.each([11, 13])("for any batch, opset %i", async (opset) => {
    const file = network(nodes, opset);
    const adopted = adoptModel(file, options);
    const x = randomInput("x", [3, 3, 8, 8]);
    const [wanted, actual] = [await evaluate(file, { x }), await evaluate(adopted, { x })];
    expect(relativeDifference(wanted.y!, actual.y!)).toBeLessThan(1e-6);
    const one = await evaluate(adopted, { x: [1, 3, 8, 8] });
    expect(one.y!.shape).toEqual([1, 5]);
    const inspection = inspectGraph(file);
    const { warnings } = inspection;
    expect(warnings).toEqual([]);
    expect(inspection.boundary).toEqual({ tensor: "r", shape: [1, 4, 6, 6] });
  });

  test("for one image alone is refused for the batch that it lacks", () => {
    const message =
      /"y" float32 \[5\] has no axis for the batch.*flatten\(1\).*torch\.onnx\.export/s;
    expect(() => adoptModel(network(nodes, 17, 1), options)).toThrow(message);
  });
});

test("the answer of one image without a batch is a row", () => {
  expect(classesOf("model.onnx", float32([5]), 1)).toBe(5);
  expect(() => classesOf("model.onnx", float32([5]), 2)).toThrow("one row of logits");
});
