// Operators whose meaning changed, in every version: the engine, the inferred shapes and what is folded
// into constants, against ONNX Runtime.
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { inferenceMode, scope } from "../../src/torch/index.ts";
import { float32, graph, node } from "../graph/graphs.ts";
import { randomInput, runModel } from "../graph/onnxruntime.ts";
import { toTensors } from "./run.ts";
import { type Case, versionCases } from "./versionCases.ts";

/** A graph of the one operator. The input is a constant where it has values, or where that is asked for. */
function single(
  operator: string,
  opset: number,
  { x, others = [], attributes = {}, outputs = 1 }: Case,
  isConstant: boolean,
): Graph {
  const shape = "dtype" in x ? x.shape : x;
  const value = "dtype" in x ? x : float32(shape, [...randomInput("x", shape).values]);
  const named = others.map((other, index) => [other ? `input${index}` : "", other] as const);
  const constants = named.flatMap(([name, other]) => (other ? [[name, other] as const] : []));
  const results = Array.from({ length: outputs }, (_, index) => `y${index}`);
  const inputs = ["x", ...named.map(([name]) => name)];
  const isGiven = isConstant || "dtype" in x;
  return graph({
    inputs: isGiven ? {} : { x: shape },
    initializers: Object.fromEntries([...constants, ...(isGiven ? [["x", value]] : [])]),
    nodes: [node(operator, inputs, results, attributes)],
    outputs: results,
    opset,
  });
}

/** What ONNX Runtime gives for the file, whose outputs have the types that were inferred. */
function judge(model: Graph): Promise<Record<string, TensorData>> {
  const facts = inferShapes(model);
  const outputs = model.outputs.map((info) => ({ ...info, dtype: facts.get(info.name)!.dtype }));
  const feeds = model.inputs.map(({ name, shape }) => {
    const sizes = shape as number[];
    return [name, fromFloat32(sizes, randomInput(name, sizes).values)];
  });
  return runModel(encodeModel({ ...model, outputs }), Object.fromEntries(feeds));
}

function close(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const most = expected.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 1e-6);
  for (const [i, value] of expected.entries()) {
    if (Number.isFinite(value)) expect(Math.abs(actual[i]! - value) / most).toBeLessThan(1e-5);
    else expect(actual[i]).toBe(value);
  }
}

describe("versions of operators", () => {
  test.each(versionCases)("%s of opset %i: %s", async (operator, opset, _, given) => {
    const model = single(operator, opset, given, false);
    const expected = await judge(model);
    const facts = inferShapes(model);
    const folded = inferShapes(single(operator, opset, given, true));
    scope(() => {
      const network = new Network(model);
      const inputs = Object.fromEntries(
        model.inputs.map(({ name, shape }) => [name, shape as number[]]),
      );
      const results = inferenceMode(() => network.forward(toTensors(inputs)));
      network.dispose();
      for (const [name, tensor] of Object.entries(expected)) {
        const { dtype, shape } = tensor;
        const values = toNumbers(tensor);
        expect(facts.get(name)).toMatchObject({ dtype, shape });
        expect(results[name]?.shape).toEqual([...shape]);
        close(results[name]!.numbers(), values);
        const value = folded.get(name)?.value;
        if (value) close(toNumbers(value), values);
      }
    });
  });
});
