// Pictures of graphs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { diagramOf } from "../../src/graph/diagram.ts";
import { layOut } from "../../tools/drawing/layout.ts";
import { drawOriginalAndChain } from "../../tools/drawing/picture.ts";
import { drawPanels } from "../../tools/drawing/svg.ts";
import { root } from "../../tools/records/records.ts";

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
  expect(boxes.map(({ label, kind, from }) => [label, kind, from])).toEqual([
    ["image 3×8×8", "input", []],
    ["3×3 convolution, 4×8×8", "convolution", [0]],
    ["3×3 convolution, 4×4×4", "convolution", [1]],
    ["2×2 max pooling", "pooling", [1]],
    ["sum", "sum", [2, 3]],
    ["global average", "pooling", [4]],
    ["linear, 10 classes", "linear", [5]],
  ]);
  expect(boxes.map(({ inClassifier }) => inClassifier)).toEqual([
    ...Array(5).fill(false),
    ...[true, true],
  ]);
});

test("the longest path runs straight down, and a branch stands beside it", () => {
  const places = layOut(diagramOf(branching()));
  expect(places.map(({ row }) => row)).toEqual([0, 1, 2, 2, 3, 4, 5]);
  expect(places.map(({ column }) => column)).toEqual([0, 0, 0, 1, 0, 0, 0]);
});

test("an image names what it shows, in colours for light and for dark", () => {
  const image = drawPanels([{ title: "T", subtitle: "S", boxes: diagramOf(branching()) }], "what");
  expect(image).toContain("<title>what</title>");
  expect(image).toContain("prefers-color-scheme: dark");
  expect(image.match(/class="label"/g)).toHaveLength(7);
  expect(image.match(/class="arrow"/g)).toHaveLength(7);
});

test("the README's picture is up to date: where it is not, npm run results draws it", async () => {
  const path = join(root, "docs", "images", "original-and-chain.svg");
  expect(readFileSync(path, "utf8")).toBe(await drawOriginalAndChain());
});
