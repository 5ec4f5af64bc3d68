// What a reader needs to see of a graph.
import { expect, test } from "vitest";
import { int } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { diagramOf } from "../../src/graph/diagram.ts";
import { foldDiagram } from "../../src/report/fold.ts";

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

test("a concatenation of all earlier features reads the one before it, and the last of them", () => {
  const build = new GraphBuilder();
  const image = build.input("image", ["N", 3, 8, 8]);
  const features = [build.conv(image, { name: "stem", outputs: 4, kernel: 3, padding: 1 })];
  const joined = (name: string) => build.concat([...features], { name });
  for (const name of ["a", "b", "c", "d"]) {
    const x = name === "a" ? features[0]! : joined(`${name}.concat`);
    features.push(build.conv(build.relu(x), { name, outputs: 2, kernel: 3, padding: 1 }));
  }
  const pooled = build.globalAveragePool(joined("last"));
  build.output(build.linear(build.flatten(pooled), { name: "fc", outputs: 10 }), "scores");
  const boxes = diagramOf(build.build());
  expect(boxes.map(({ what, from }) => [what, from])).toEqual([
    ["image", []],
    ["3×3 convolution", [0]],
    ["3×3 convolution", [1]],
    ["concatenation", [1, 2]],
    ["3×3 convolution", [3]],
    ["concatenation", [3, 4]],
    ["3×3 convolution", [5]],
    ["concatenation", [5, 6]],
    ["3×3 convolution", [7]],
    ["concatenation", [7, 8]],
    ["global average", [9]],
    ["linear", [10]],
  ]);
  expect(foldDiagram(boxes).frames).toEqual([{ first: 2, last: 3, times: 4 }]);
});

test("concatenations of other tensors, along another axis or in another order are what they join", () => {
  const build = new GraphBuilder();
  const image = build.input("image", ["N", 2, 8, 8]);
  const layer = (name: string) => build.conv(image, { name, outputs: 2, kernel: 3, padding: 1 });
  const [a, b, c] = ["a", "b", "c"].map(layer) as [string, string, string];
  build.node("Concat", [a, b], { name: "along another axis", attributes: { axis: int(2) } });
  const turned = build.concat([b, a, c], { name: "turned" });
  const other = build.concat([a, b, c], { name: "other" });
  const sum = build.globalAveragePool(build.add(turned, other));
  build.output(build.linear(build.flatten(sum), { name: "fc", outputs: 10 }), "scores");
  const joins = diagramOf(build.build()).filter(({ what }) => what === "concatenation");
  expect(joins.map(({ from }) => from)).toEqual([
    [1, 2],
    [2, 1, 3],
    [1, 2, 3],
  ]);
});

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
