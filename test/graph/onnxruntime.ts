// ONNX Runtime in this process, as the judge of what a graph computes.
import * as ort from "onnxruntime-node";
import type { Graph } from "../../src/graph/graph.ts";
import { normal } from "../../src/graph/random.ts";
import { encodeModel } from "../../src/onnx/index.ts";

export interface Result {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Float outputs of a graph by name, for float inputs given by shape (random) or by values. */
export async function evaluate(
  graph: Graph,
  inputs: Readonly<Record<string, readonly number[] | Result>>,
): Promise<Record<string, Result>> {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    intraOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  const feeds = Object.entries(inputs).map(([name, given]) => {
    const { shape, values } = "shape" in given ? given : randomInput(name, given);
    return [name, new ort.Tensor("float32", values, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { shape: dims, values: data as Float32Array },
    ]),
  );
}

export function randomInput(name: string, shape: readonly number[]): Result {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: normal({ seed: 1, name }, count) };
}

/** Largest difference of two results over the largest magnitude of the first. */
export function relativeDifference(a: Result, b: Result): number {
  if (String(a.shape) !== String(b.shape)) return Number.POSITIVE_INFINITY;
  const magnitude = a.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const difference = a.values.reduce((most, v, i) => Math.max(most, Math.abs(v - b.values[i]!)), 0);
  return difference / magnitude;
}
