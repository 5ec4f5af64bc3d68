// That a sealed file, in ONNX Runtime, computes what the network it comes from does on libtorch.
import type { Dataset, Normalization } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import { ModelError } from "../errors.ts";
import { type Comparison, compare, type OnnxClassifier } from "../evaluate/index.ts";
import { NetworkClassifier } from "../evaluate/networkClassifier.ts";
import type { Graph } from "../graph/graph.ts";

export interface SameAnswersOptions extends Normalization {
  readonly test: Dataset;
  /** Called after every batch; what it throws ends the comparison. */
  readonly onProgress?: () => void;
}

const largestRelativeDifference = 1e-4;

/** How far both are apart. Throws ModelError where that is more than rounding. */
export async function assertSameAnswers(
  sealed: OnnxClassifier,
  trained: Graph,
  { test, ...options }: SameAnswersOptions,
): Promise<Comparison> {
  const network = new Network(trained);
  try {
    const names = { name: "the trained network", shape: test.shape };
    const reference = new NetworkClassifier(network, names);
    const result = await compare([reference, sealed], test, options);
    if (result.maxRelDiff > largestRelativeDifference) {
      throw new ModelError(
        `${sealed.name} differs in ONNX Runtime from the network in training by ${result.maxRelDiff} of the largest ` +
          `logit, more than ${largestRelativeDifference}`,
      );
    }
    return result;
  } finally {
    network.dispose();
  }
}
