// Channels that somebody has split become one again.
import { expect, test } from "vitest";
import { mergeTwins } from "../../src/attack/twins.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromFloat32, toFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";
import { chain, folded } from "./pair.ts";

const convolutions = (graph: Graph) => graph.nodes.filter(({ operator }) => operator === "Conv");

/** The chain with each channel of its first layer twice, one of them times seven, read by weights that nearly cancel. */
function split(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const [first, second] = convolutions(graph).map(
    ({ inputs }) => inputs as [string, string, string],
  );
  const outputs = (name: string, factor: number) => {
    const value = initializers.get(name)!;
    const values = toFloat32(value);
    const twins = Float32Array.of(...values, ...values.map((each) => each * factor));
    initializers.set(name, fromFloat32([2 * value.shape[0]!, ...value.shape.slice(1)], twins));
  };
  outputs(first![1], 7);
  outputs(first![2], 7);
  const reader = initializers.get(second![1])!;
  const [rows, columns, ...kernel] = reader.shape as [number, number, ...number[]];
  const width = columns * kernel.reduce((a, b) => a * b, 1);
  const values = toFloat32(reader);
  const wide = new Float32Array(2 * values.length);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < width; k++) {
      wide[2 * row * width + k] = values[row * width + k]! + 70;
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

test("networks without twins stay as they are", () => {
  for (const graph of [chain, folded]) expect(mergeTwins(graph)).toEqual(graph);
});
