// Models that an operator tells to be no convolutional image classifier, and files that another program rewrote:
// refused by the true reason, before anything else in them is complained of.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph } from "./graph.ts";

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

/** What to do about operators of these domains; empty where nothing is known. */
export function adviseOnDomains(domains: Iterable<string>): string {
  if (![...domains].some((domain) => domain.startsWith("com.microsoft"))) return "";
  return (
    "ONNX Runtime's optimizer puts operators of com.microsoft into a file: give the file as it was exported, or " +
    "optimize it by standard operators alone:\n" +
    "  options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC"
  );
}
