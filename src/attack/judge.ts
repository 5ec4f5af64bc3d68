// What a trained network is right on, in float32 on libtorch, one view an image.
import type { Dataset, Labelled, Normalization } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import { answer } from "../evaluate/evaluate.ts";
import { argmaxRows, countEqual } from "../evaluate/metrics.ts";
import { NetworkClassifier } from "../evaluate/networkClassifier.ts";
import type { Graph } from "../graph/graph.ts";
import type { Device } from "../torch/index.ts";
import type { Score } from "./search.ts";

/** How images are shown to a network that learns nothing from them. */
export interface ShowingOptions extends Normalization {
  readonly device: Device;
  /** Called between batches; what it throws ends it. */
  readonly onProgress: () => void;
}

/** What the network gives each image, row-major [N, outputs]. Throws ModelError where that is not a number. */
export async function rowsFor(
  graph: Graph,
  dataset: Dataset,
  { device, ...options }: ShowingOptions,
): Promise<Float32Array> {
  using network = new Network(graph, { device });
  const { shape } = dataset;
  const classifier = new NetworkClassifier(network, {
    name: "the pirate's network",
    shape,
    device,
  });
  const { labels: _, classes: __, ...unlabelled } = dataset;
  return (await answer(classifier, unlabelled, options)).logits;
}

/** Accuracy and cross entropy of rows of logits. */
export function scoreOf(logits: Float32Array, { labels }: Pick<Labelled, "labels">): Score {
  const columns = logits.length / labels.length;
  let crossEntropy = 0;
  for (const [row, label] of labels.entries()) {
    const values = logits.subarray(row * columns, (row + 1) * columns);
    const largest = values.reduce((a, b) => Math.max(a, b));
    const sum = values.reduce((total, x) => total + Math.exp(x - largest), 0);
    crossEntropy += largest - values[label]! + Math.log(sum);
  }
  const right = countEqual(argmaxRows(logits, columns), labels);
  return { accuracy: right / labels.length, crossEntropy: crossEntropy / labels.length };
}

/** Old classes and new ones as one task: both count alike, whatever their numbers of images. */
export function bothScores(old: Score, added: Score): Score {
  const mean = (figure: "accuracy" | "crossEntropy") => (old[figure] + added[figure]) / 2;
  const parts = { old: old.accuracy, new: added.accuracy };
  return { accuracy: mean("accuracy"), crossEntropy: mean("crossEntropy"), parts };
}
