// Channels that somebody has split become one again.
import { expect, test } from "vitest";
import { mergeTwins } from "../../src/attack/twins.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromFloat32, fromNumbers, toFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";
import { chain, folded } from "./pair.ts";

const convolutions = (graph: Graph) => graph.nodes.filter(({ operator }) => operator === "Conv");

/** The chain with each channel of its first layer twice, one of them larger, read by weights that nearly cancel. */
function split(graph: Graph, factor = 7): Graph {
  const initializers = new Map(graph.initializers);
  const [first, second] = convolutions(graph).map(
    ({ inputs }) => inputs as [string, string, string],
  );
  const outputs = (name: string) => {
    const value = initializers.get(name)!;
    const values = toFloat32(value);
    const twins = Float32Array.of(...values, ...values.map((each) => each * factor));
    initializers.set(name, fromFloat32([2 * value.shape[0]!, ...value.shape.slice(1)], twins));
  };
  outputs(first![1]);
  outputs(first![2]);
  const reader = initializers.get(second![1])!;
  const [rows, columns, ...kernel] = reader.shape as [number, number, ...number[]];
  const width = columns * kernel.reduce((a, b) => a * b, 1);
  const values = toFloat32(reader);
  const wide = new Float32Array(2 * values.length);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < width; k++) {
      wide[2 * row * width + k] = values[row * width + k]! + 10 * factor;
      wide[(2 * row + 1) * width + k] = -10;
    }
  }
  initializers.set(second![1], fromFloat32([rows, 2 * columns, ...kernel], wide));
  return { ...graph, initializers };
}

test("channels that are multiples of each other are merged, and their weights added up", async () => {
  const doubled = split(chain);
  const merged = mergeTwins(doubled);
  const shapes = (graph: Graph) =>
    convolutions(graph).map(({ inputs }) => graph.initializers.get(inputs[1]!)!.shape);
  expect(shapes(doubled)).not.toEqual(shapes(chain));
  expect(shapes(merged)).toEqual(shapes(chain));
  for (const [name, value] of chain.initializers) {
    const now = toNumbers(merged.initializers.get(name)!);
    const differences = toNumbers(value).map((x, i) => Math.abs(x - now[i]!));
    expect(Math.max(...differences)).toBeLessThan(2e-5);
  }
  const input = { [chain.inputs[0]!.name]: [4, 1, 8, 8] };
  const [a, b] = [await evaluate(doubled, input), await evaluate(merged, input)];
  expect(relativeDifference(Object.values(a)[0]!, Object.values(b)[0]!)).toBeLessThan(1e-3);
});

/** The graph with other numbers in a constant of its first layer, part by part. */
function changed(
  graph: Graph,
  input: 1 | 2,
  change: (values: Float32Array) => ArrayLike<number>,
  parts = 1,
): Graph {
  const name = convolutions(graph)[0]!.inputs[input]!;
  const { shape } = graph.initializers.get(name)!;
  const values = toFloat32(graph.initializers.get(name)!);
  const size = values.length / parts;
  const all = Array.from({ length: parts }, (_, i) =>
    Array.from(change(values.subarray(i * size, (i + 1) * size))),
  );
  const other = fromFloat32(shape, Float32Array.from(all.flat()));
  return { ...graph, initializers: new Map(graph.initializers).set(name, other) };
}

/** What the tensor of another type holds. */
const stored = (dtype: "float16" | "bfloat16") => (values: Float32Array) =>
  toNumbers(fromNumbers(dtype, [values.length], values));
const inSteps = (values: Float32Array) => {
  const step = Math.fround(Math.max(...values.map(Math.abs)) / 127);
  return values.map((value) => step * Math.round(value / step));
};

/** Numbers that are off by up to 6e-4 of their size. */
const nudged = (values: Float32Array) => values.map((value, i) => value * (1 + 1e-4 * (i % 7)));

test.each([
  ["float16", stored("float16"), 1, 7],
  ["bfloat16", stored("bfloat16"), 1, 7],
  ["int8 with a scale for each row", inSteps, 16, 7],
  ["int8 with one scale", inSteps, 1, 1.5],
])("twins are found again in weights that went through %s", (_, round, parts, factor) => {
  // Biases are rounded by themselves.
  const coarse = changed(changed(split(chain, factor), 1, round, parts), 2, nudged);
  const rows = (graph: Graph) => {
    const [{ inputs }] = convolutions(graph) as [Graph["nodes"][number]];
    return graph.initializers.get(inputs[1]!)!.shape[0];
  };
  expect(rows(coarse)).toBe(16);
  expect(rows(mergeTwins(coarse))).toBe(8);
  // Rows of a float32 file that are as far apart are no twins.
  expect(rows(mergeTwins(changed(coarse, 1, nudged)))).toBe(16);
});

test.each([
  ["all sizes but the batch", [-1, 36]],
  ["all sizes behind the batch", [0, 36]],
  ["the batch alone", [0, -1]],
])("channels are merged ahead of a reshape that says %s", async (_, sizes) => {
  const build = new GraphBuilder({ seed: 4 });
  const image = build.input("image", ["N", 1, 8, 8]);
  const map = build.relu(build.conv(image, { name: "conv", outputs: 4, kernel: 3 }));
  const pooled = build.maxPool(map, { kernel: 2, stride: 2 });
  const target = build.initializer("target", fromNumbers("int64", [2], sizes));
  const rows = build.node("Reshape", [pooled, target]);
  build.output(build.linear(rows, { name: "fc", outputs: 3 }), "logits");
  const graph = build.build();
  const weight = toFloat32(graph.initializers.get("conv.weight")!).slice();
  for (let i = 0; i < 9; i++) weight[9 + i] = 2 * weight[i]!;
  const twins = {
    ...graph,
    initializers: new Map(graph.initializers).set("conv.weight", fromFloat32([4, 1, 3, 3], weight)),
  };
  const merged = mergeTwins(twins);
  expect(merged.initializers.get("conv.weight")!.shape).toEqual([3, 1, 3, 3]);
  const [a, b] = [
    await evaluate(twins, { image: [4, 1, 8, 8] }),
    await evaluate(merged, { image: [4, 1, 8, 8] }),
  ];
  expect(relativeDifference(a.logits!, b.logits!)).toBeLessThan(1e-5);
});

test("rows of a single number each are no twins: their zeros fit any quantization", () => {
  const centred = changed(chain, 1, (values) =>
    values.map((_, i) => (i % 9 === 4 ? 1.2345678 : 0)),
  );
  const graph = changed(centred, 2, (biases) => biases.map((_, i) => -0.12 - 0.003 * i));
  expect(mergeTwins(graph)).toEqual(graph);
});

test("networks without twins stay as they are", () => {
  for (const graph of [chain, folded]) expect(mergeTwins(graph)).toEqual(graph);
});
