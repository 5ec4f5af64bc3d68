// Inferred types and shapes against the expected outputs of ONNX's backend test suite
// (Debian's libonnx-testdata), with all inputs given as constants.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { onnxTestData } from "../../native/system.mjs";
import { ModelError } from "../../src/errors.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { parseModel, readTensor } from "../../src/onnx/index.ts";

const suite = onnxTestData().found ?? "";

/** Operators whose outputs stay unknown. */
const withoutRule = new Set(
  [
    // Their shapes depend on data, or on how often a body runs.
    "Compress Unique NonMaxSuppression Loop Scan",
    // Sequences are no tensors.
    "SequenceEmpty SequenceConstruct SplitToSequence",
    // No convolutional classifier has them.
    "BlackmanWindow HammingWindow HannWindow DFT STFT MelWeightMatrix TfIdfVectorizer Det",
    "GRU LSTM RNN RoiAlign MaxUnpool Gradient",
    "NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    // Quantized networks are not supported.
    "ConvInteger MatMulInteger QLinearConv QLinearMatMul",
    "QuantizeLinear DequantizeLinear DynamicQuantizeLinear",
  ].flatMap((names) => names.split(" ")),
);

/** The suite keeps bfloat16 outputs as uint16. */
const storedOtherwise = /^test_cast(like)?_FLOAT_to_BFLOAT16/;

type Outcome = "unreadable" | "unknown" | { inferred: string[]; expected: string[] };

function inferCase(folder: string): Outcome {
  const tensors = (kind: string, count: number) =>
    Array.from({ length: count }, (_, i) =>
      readTensor(readFileSync(join(folder, "test_data_set_0", `${kind}_${i}.pb`))),
    );
  let graph: ReturnType<typeof parseModel>;
  try {
    graph = parseModel(readFileSync(join(folder, "model.onnx")));
  } catch (error) {
    expect(error).toBeInstanceOf(ModelError);
    return "unreadable";
  }
  const initializers = new Map(graph.initializers);
  const inputs = tensors("input", graph.inputs.length);
  graph.inputs.forEach(({ name }, index) => {
    initializers.set(name, inputs[index]!);
  });
  const facts = inferShapes({ ...graph, inputs: [], initializers });
  const found = graph.outputs.map(({ name }) => facts.get(name));
  if (!found.every((known) => known !== undefined)) {
    expect(
      graph.nodes.some(({ operator }) => withoutRule.has(operator)),
      folder,
    ).toBe(true);
    return "unknown";
  }
  return {
    inferred: found.map(({ dtype, shape }) => `${dtype} [${shape}]`),
    expected: tensors("output", found.length).map(({ dtype, shape }) => `${dtype} [${shape}]`),
  };
}

describe.skipIf(!suite)(`shapes of the backend suite in ${suite}`, () => {
  test.each([
    ["node", 640],
    ["simple", 3],
  ])("%s", (group, least) => {
    let right = 0;
    for (const name of readdirSync(join(suite, group))) {
      if (storedOtherwise.test(name)) continue;
      const outcome = inferCase(join(suite, group, name));
      if (typeof outcome === "string") continue;
      expect(outcome.inferred, name).toEqual(outcome.expected);
      right++;
    }
    expect(right).toBeGreaterThanOrEqual(least);
  });
});
