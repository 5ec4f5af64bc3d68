// Whether a network's answers can be learned from.
import { expect, test } from "vitest";
import { assertGradient } from "../../src/graph/gradients.ts";
import type { Node } from "../../src/graph/graph.ts";
import { float32, graph, int64, node } from "./graphs.ts";

const head = (nodes: readonly Node[]) =>
  graph({
    inputs: { map: ["N", 4, 3, 3] },
    initializers: {
      shape: int64(-1, 4),
      zero: float32([], [0]),
      one: float32([], [1]),
      eye: float32([4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    },
    nodes: [
      node("GlobalAveragePool", ["map"], "g"),
      node("Reshape", ["g", "shape"], "f"),
      ...nodes,
    ],
    outputs: ["y"],
  });

test.each<[string, readonly Node[]]>([
  ["rounded", [node("Round", ["f"], "r"), node("MatMul", ["r", "eye"], "y")]],
  ["a sign", [node("Sign", ["f"], "y")]],
  [
    "one of two constants",
    [node("Greater", ["f", "zero"], "c"), node("Where", ["c", "one", "zero"], "y")],
  ],
  [
    "a row of a table",
    [node("ArgMax", ["f"], "i", { axis: 1, keepdims: 0 }), node("Gather", ["eye", "i"], "y")],
  ],
  [
    "whole numbers as floats",
    [
      node("Cast", ["f"], "i", { to: 7 }),
      node("Cast", ["i"], "c", { to: 1 }),
      node("Mul", ["c", "one"], "y"),
    ],
  ],
])("answers that are %s have no gradient", (_, nodes) => {
  expect(() => assertGradient(head(nodes))).toThrow(/nothing can be learned .* has no gradient/);
});

test.each<[string, readonly Node[]]>([
  ["not rounded", [node("MatMul", ["f", "eye"], "y")]],
  ["rounded on one way of two", [node("Round", ["f"], "r"), node("Add", ["r", "f"], "y")]],
  [
    "chosen by a condition",
    [node("Greater", ["f", "zero"], "c"), node("Where", ["c", "f", "zero"], "y")],
  ],
])("answers that are %s have one", (_, nodes) => {
  expect(() => assertGradient(head(nodes))).not.toThrow();
});

test("the node that has none is named", () => {
  const nodes = [node("Sign", ["f"], "s"), node("Reshape", ["s", "shape"], "y")];
  expect(() => assertGradient(head(nodes))).toThrow(/come out of Sign node "s"/);
});
