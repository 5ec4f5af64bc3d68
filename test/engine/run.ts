// The engine and ONNX Runtime on the same inputs.
import { expect } from "vitest";
import { Network, type NetworkOptions } from "../../src/engine/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferenceMode, scope, setThreads, type Tensor, tensor } from "../../src/torch/index.ts";
import { evaluate, type Result, randomInput, relativeDifference } from "../graph/onnxruntime.ts";

// Small tensors gain nothing from threads, and tests run beside each other.
setThreads(1);

/** Input tensors of the test: random ones where only a shape is given. */
export type Inputs = Readonly<Record<string, readonly number[] | Result>>;

export function toTensors(inputs: Inputs): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, given]) => {
      const { shape, values } = "shape" in given ? given : randomInput(name, given);
      return [name, tensor(values, { shape })];
    }),
  );
}

/** Float outputs of a graph by name, as the engine computes them. */
export function runEngine(
  graph: Graph,
  inputs: Inputs,
  options: NetworkOptions = {},
): Record<string, Result> {
  return scope(() => {
    const network = new Network(graph, options);
    const outputs = inferenceMode(() => network.forward(toTensors(inputs)));
    network.dispose();
    return Object.fromEntries(
      Object.entries(outputs).map(([name, output]) => [
        name,
        { shape: output.shape, values: Float32Array.from(output.numbers()) },
      ]),
    );
  });
}

/**
 * Expects the engine's outputs to be ONNX Runtime's, but for rounding. False where ONNX Runtime refuses
 * the graph.
 */
export async function agrees(graph: Graph, inputs: Inputs): Promise<boolean> {
  const expected = await evaluate(graph, inputs).catch(() => undefined);
  if (!expected) return false;
  const actual = runEngine(graph, inputs);
  const description = () =>
    JSON.stringify(graph.nodes.map(({ operator, attributes }) => [operator, attributes]));
  for (const [name, result] of Object.entries(expected)) {
    expect(actual[name]?.shape, description()).toEqual([...result.shape]);
    expect(relativeDifference(result, actual[name]!), description()).toBeLessThan(1e-5);
  }
  return true;
}
