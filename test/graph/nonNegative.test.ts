// What operators tell of the signs of their results.
import { expect, test } from "vitest";
import { isNeverNegative } from "../../src/graph/nonNegative.ts";
import { float32, graph, node } from "./graphs.ts";

test.each([
  ["a limit", ["image", "", "six"], ["shown"], false],
  ["a limit, where an output is left out as well", ["image", "", "six"], ["shown", ""], false],
  ["limits of 0 and 6", ["image", "zero", "six"], ["shown"], true],
])("a Clip with %s", (_, inputs, outputs, expected) => {
  const model = graph({
    inputs: { image: ["N", 2] },
    initializers: { zero: float32([], [0]), six: float32([], [6]) },
    nodes: [
      node("Relu", ["image"], "positive"),
      node("Dropout", ["positive"], outputs),
      node("Clip", inputs, "logits"),
    ],
    outputs: ["logits"],
  });
  expect(isNeverNegative(model)).toBe(expected);
});
