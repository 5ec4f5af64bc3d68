// Operators whose meaning changed, in every version: the engine, the inferred shapes and what is folded
// into constants, against ONNX Runtime.
import { describe, expect, test } from "vitest";
import { toTensor } from "../../src/engine/constants.ts";
import { Network } from "../../src/engine/index.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { inferenceMode, scope } from "../../src/torch/index.ts";
import { graph, node } from "../graph/graphs.ts";
import { randomInput, runModel } from "../graph/onnxruntime.ts";
import { type Case, versionCases } from "./versionCases.ts";

/** A graph of the one operator, whose input is a constant where that is asked for. */
function single(
  operator: string,
  opset: number,
  { x, others = [], attributes = {}, outputs = 1 }: Case,
  isConstant: boolean,
): Graph {
  const value = inputOf(x);
  const named = others.map((other, index) => [other ? `input${index}` : "", other] as const);
  const constants = named.flatMap(([name, other]) => (other ? [[name, other] as const] : []));
  const results = Array.from({ length: outputs }, (_, index) => `y${index}`);
  const inputs = ["x", ...named.map(([name]) => name)];
  return graph({
    inputs: isConstant ? {} : { x: { dtype: value.dtype, shape: value.shape } },
    initializers: Object.fromEntries([...constants, ...(isConstant ? [["x", value]] : [])]),
    nodes: [node(operator, inputs, results, attributes)],
    outputs: results,
    opset,
  });
}

function inputOf(x: Case["x"]): TensorData {
  return "dtype" in x ? x : fromFloat32(x, randomInput("x", x).values);
}

/** What ONNX Runtime gives for the file, whose outputs have the types that were inferred. */
function judge(model: Graph, x: TensorData): Promise<Record<string, TensorData>> {
  const facts = inferShapes(model);
  const outputs = model.outputs.map((info) => ({ ...info, dtype: facts.get(info.name)!.dtype }));
  return runModel(encodeModel({ ...model, outputs }), { x });
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
    const x = inputOf(given.x);
    const expected = await judge(model, x);
    const facts = inferShapes(model);
    const folded = inferShapes(single(operator, opset, given, true));
    scope(() => {
      const network = new Network(model);
      const inputs = { x: toTensor(x, "cpu") };
      const results = inferenceMode(() => network.forward(inputs));
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
