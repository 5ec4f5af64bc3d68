// ONNX's own cases, and the tables of operators.
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { signatures } from "../../src/engine/signatures.ts";
import { families, operators } from "../../src/engine/table.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { encodeModel, opsets } from "../../src/onnx/index.ts";
import { runSuite, suite } from "../../tools/conformance/suite.ts";
import { graph, node } from "../graph/graphs.ts";

/** What ONNX Runtime takes in older opsets, too, though ONNX did not have it yet. */
const knownBefore = new Set(["LayerNormalization", "MeanVarianceNormalization", "ThresholdedRelu"]);

/** What ONNX Runtime says against a model; nothing where it takes it. */
async function complaintOf(model: Graph): Promise<string> {
  try {
    const session = await ort.InferenceSession.create(encodeModel(model), { logSeverityLevel: 4 });
    await session.release();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the operator table", () => {
  test("has a signature for every operator that a family exports, and the other way round", () => {
    const exported = Object.values(families).flatMap((family) => Object.keys(family));
    expect(exported.sort()).toEqual([...signatures.keys()].sort());
    expect(Object.keys(operators).sort()).toEqual(exported);
  });

  // A version too late refuses models that are sound, one too early runs what no other program would.
  test("knows every operator from the opset on in which it came to ONNX", async () => {
    for (const [operator, { since, required }] of signatures) {
      const inputs = Array.from({ length: required }, (_, index) => `x${index}`);
      const isKnown = async (opset: number) => {
        const model = graph({
          inputs: Object.fromEntries(inputs.map((name) => [name, [1]])),
          nodes: [node(operator, inputs, "y")],
          outputs: ["y"],
          opset,
        });
        return !/No Op registered/.test(await complaintOf(model));
      };
      expect([operator, await isKnown(Math.max(since, opsets.oldest))]).toEqual([operator, true]);
      if (since <= opsets.oldest || knownBefore.has(operator)) continue;
      expect([operator, await isKnown(since - 1)]).toEqual([operator, false]);
    }
  });
});

describe.skipIf(!suite)("ONNX's backend suite", () => {
  test("passes, but for the cases with a reason", () => {
    const results = [...runSuite()];
    expect(results.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const passed = results.filter(({ skipped }) => skipped === undefined);
    expect(passed.length).toBeGreaterThanOrEqual(680);
  });

  test("runs the cases of one operator by its name; a name that none has is refused", () => {
    const names = (part: string) => [...runSuite(part)].map(({ name }) => name);
    expect(names("GlobalAveragePool")).toEqual([
      "test_globalaveragepool",
      "test_globalaveragepool_precomputed",
    ]);
    expect(names("ReduceLogSumExp")).toContain("test_reduce_log_sum_exp_do_not_keepdims_random");
    expect(() => names("Convolve")).toThrow(/expected a part of .*; none in .* has "Convolve"/);
  });
});
