// Models that an operator tells to be no convolutional image classifier, and files that another program rewrote:
// refused by the true reason, before anything else in them is complained of.
import { ModelError } from "../errors.ts";
import { listed, shorten } from "../text.ts";
import { exportForAnyBatch } from "./exportLines.ts";
import { describeNode, type Graph, type Node, type ValueInfo } from "./graph.ts";
import { imageLayout } from "./layout.ts";
import { quantizedOperators } from "./rewrites/quantizedOperators.ts";

const kinds: readonly { readonly operators: RegExp; readonly kind: string }[] = [
  {
    operators: /^(NonMaxSuppression|RoiAlign|MaxRoiPool|EfficientNMS_TRT|BatchedNMS_TRT)$/,
    kind: "a detector",
  },
  { operators: /^(LSTM|GRU|RNN)$/, kind: "a recurrent model" },
];

/** Throws ModelError, with the node that tells, for detectors and recurrent models. */
export function assertImageClassifier({ nodes }: Graph): void {
  for (const { operators, kind } of kinds) {
    const node = nodes.find(({ operator }) => operators.test(operator));
    if (!node) continue;
    throw new ModelError(
      `the model is ${kind} (${describeNode(node)}), and DeepObf obfuscates image classifiers alone; of a larger ` +
        "model, export the part that classifies",
    );
  }
}

/** Throws ModelError where a model takes anything else than one batch of images. */
export function assertTakesImages(graph: Pick<Graph, "inputs" | "nodes">): void {
  const { inputs } = graph;
  const [first, ...others] = inputs;
  if (others.length > 0) {
    throw new ModelError(
      `the model takes ${inputs.length} inputs (${listInputs(inputs)}), and DeepObf obfuscates classifiers that take ` +
        "images alone; export a module that calls the model with the other inputs fixed",
    );
  }
  if (first?.shape === undefined || first.shape.length === 4) return;
  if (imageLayout(graph) === "NHW") return;
  const advice =
    first.shape.length === 3
      ? `where it is one image, give it an axis for the batch and export with\n  ${exportForAnyBatch}`
      : "export a module that takes images of that form";
  throw new ModelError(
    `the model takes ${listInputs([first])}, not images [batch, channels, height, width]; ${advice}`,
  );
}

function listInputs(inputs: readonly ValueInfo[]): string {
  const described = inputs.map(({ name, dtype, shape }) => {
    const sizes = shape?.map((size) => (size === "" ? "?" : size)).join(", ");
    return `"${shorten(name)}" ${dtype}${sizes === undefined ? "" : ` [${sizes}]`}`;
  });
  return listed(described, 4);
}

const basicLevel =
  "  options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC";

/** What to do about operators that are not supported; empty where nothing is known. */
export function adviseOn(operators: readonly Pick<Node, "operator" | "domain">[]): string {
  if (operators.some(({ operator }) => quantizedOperators.has(operator))) {
    return (
      "the file computes on integers. obfuscate and inspect read most such files as the float networks that they stand " +
      "for; what runs them as they are takes the float file, or one of 8 bits in QDQ form by standard operators, as it " +
      "is before ONNX Runtime's optimizer or after its basic level:\n" +
      '  quantize_static(..., quant_format=QuantFormat.QDQ, extra_options={"UseQDQContribOps": False})\n' +
      basicLevel
    );
  }
  const isOf = (name: string) =>
    operators.some(({ domain }) => domain === name || domain.startsWith(`${name}.`));
  if (isOf("com.microsoft.extensions") || isOf("ai.onnx.contrib")) {
    return (
      "onnxruntime-extensions adds operators that decode and prepare image files: give the model as it was before " +
      "they were added, which takes images [batch, channels, height, width]"
    );
  }
  if (!isOf("com.microsoft")) return "";
  return (
    "ONNX Runtime's optimizer puts operators of com.microsoft into a file: give the file as it was exported, or " +
    "optimize it by standard operators alone:\n" +
    basicLevel
  );
}
