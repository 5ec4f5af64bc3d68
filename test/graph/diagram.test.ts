// What a reader needs to see of a graph.
import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { diagramOf } from "../../src/graph/diagram.ts";

/** A convolution whose result goes through another one and, pooled, around it. */
function branching() {
  const build = new GraphBuilder();
  const image = build.input("image", ["N", 3, 8, 8]);
  const first = build.relu(build.conv(image, { name: "a", outputs: 4, kernel: 3, padding: 1 }));
  const inner = build.conv(first, { name: "b", outputs: 4, kernel: 3, stride: 2, padding: 1 });
  const around = build.maxPool(first, { kernel: 2 });
  const pooled = build.globalAveragePool(build.relu(build.add(inner, around)));
  const scores = build.linear(build.flatten(pooled), { name: "c", outputs: 10 });
  build.output(scores, "scores");
  return build.build();
}

test("a box for each layer and sum; activations belong to the box before them", () => {
  const boxes = diagramOf(branching());
  expect(boxes.map(({ what, shape, kind, from }) => [what, shape, kind, from])).toEqual([
    ["image", [3, 8, 8], "input", []],
    ["3×3 convolution", [4, 8, 8], "convolution", [0]],
    ["3×3 convolution", [4, 4, 4], "convolution", [1]],
    ["2×2 max pooling", [4, 4, 4], "pooling", [1]],
    ["sum", [4, 4, 4], "sum", [2, 3]],
    ["global average", [4, 1, 1], "pooling", [4]],
    ["linear", [10], "linear", [5]],
  ]);
  expect(boxes.map(({ inClassifier }) => inClassifier)).toEqual([
    ...Array(5).fill(false),
    ...[true, true],
  ]);
});
