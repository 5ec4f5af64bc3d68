// Models that an operator tells to be no convolutional image classifier, and files that another program rewrote:
// refused by the true reason, before anything else in them is complained of.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph, type Node } from "./graph.ts";
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

/** What to do about operators that are not supported; empty where nothing is known. */
export function adviseOn(operators: readonly Pick<Node, "operator" | "domain">[]): string {
  if (operators.some(({ operator }) => quantizedOperators.has(operator))) {
    return (
      "the file computes on integers. obfuscate and inspect read it as the float network that it stands for; what " +
      "runs it as it is takes the float file, or one quantized in QDQ form:\n" +
      "  quantize_static(..., quant_format=QuantFormat.QDQ)"
    );
  }
  if (!operators.some(({ domain }) => domain.startsWith("com.microsoft"))) return "";
  return (
    "ONNX Runtime's optimizer puts operators of com.microsoft into a file: give the file as it was exported, or " +
    "optimize it by standard operators alone:\n" +
    "  options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC"
  );
}
