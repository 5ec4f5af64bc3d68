// That files, in ONNX Runtime, compute what networks do on libtorch: a sealed one what it comes from, and the original
// what the chain learns from.
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
/** Squared, of logits less their mean: what the rounding of integers costs at most. */
const largestLogitError = 0.1;

/** How far both are apart. Throws ModelError where that is more than rounding. */
export async function assertSameAnswers(
  sealed: OnnxClassifier,
  trained: Graph,
  options: SameAnswersOptions,
): Promise<Comparison> {
  const result = await compareOnTorch("the trained network", trained, { file: sealed, ...options });
  if (result.maxRelDiff <= largestRelativeDifference) return result;
  throw new ModelError(
    `${sealed.name} differs in ONNX Runtime from the network in training by ${result.maxRelDiff} of the largest ` +
      `logit, more than ${largestRelativeDifference}`,
  );
}

/**
 * What is wrong where an original's file answers otherwise than its graph as adopted, which the chain learns from: more
 * than the rounding explains of a file of short floats or integers. Undefined where it does not.
 */
export async function findMisreading(
  file: OnnxClassifier,
  adopted: Graph,
  options: SameAnswersOptions,
): Promise<string | undefined> {
  const { logitError } = await compareOnTorch("the original", adopted, { file, ...options });
  if (logitError <= largestLogitError) return undefined;
  return (
    `${file.name} answers otherwise in ONNX Runtime than the graph that was read of it, which the chain learns from: ` +
    `the squared difference of their logits is ${logitError.toPrecision(2)} of these, more than ${largestLogitError}`
  );
}

async function compareOnTorch(
  name: string,
  graph: Graph,
  { file, test, ...options }: SameAnswersOptions & { readonly file: OnnxClassifier },
): Promise<Comparison> {
  using network = new Network(graph);
  const reference = new NetworkClassifier(network, { name, shape: test.shape });
  return await compare([reference, file], test, options);
}
