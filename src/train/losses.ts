// A loss is a sum of named, weighted terms; each is logged by its name.
import type { Batch } from "../data/index.ts";
import {
  add,
  crossEntropy,
  div,
  logSoftmax,
  mean,
  meanOverWorkers,
  meanSquaredError,
  mul,
  mulScalar,
  softmax,
  square,
  sub,
  sum,
  summedCrossEntropy,
  type Tensor,
} from "../torch/index.ts";

/** One term; `value` is a scalar with its gradient, before weighting. */
export interface LossTerm {
  readonly name: string;
  readonly weight: number;
  readonly value: Tensor;
}

/** The weighted sum of the terms. */
export function totalLoss(terms: readonly LossTerm[]): Tensor {
  const weighted = terms.map(({ weight, value }) => mulScalar(value, weight));
  return weighted.reduce((sumOfTerms, term) => add(sumOfTerms, term));
}

/**
 * Cross entropy of logits [N, K] with a batch's labels, of mixed images with each label by its share. It is the mean
 * over the batch, in which an image without a label counts as 0.
 */
export function labelLoss(
  logits: Tensor,
  { labels, mixed, isPartlyLabelled }: Pick<Batch, "labels" | "mixed" | "isPartlyLabelled">,
  smoothing = 0,
): Tensor {
  if (!labels) throw new RangeError("these images have no labels to learn from");
  const lossFor = (target: Tensor) =>
    isPartlyLabelled
      ? mulScalar(summedCrossEntropy(logits, target, smoothing), 1 / logits.shape[0]!)
      : crossEntropy(logits, target, smoothing);
  const loss = lossFor(labels);
  if (!mixed?.labels) return loss;
  const other = lossFor(mixed.labels);
  return add(mulScalar(loss, mixed.share), mulScalar(other, 1 - mixed.share));
}

/**
 * Kullback-Leibler divergence from the original's softened predictions, times the temperature squared
 * so that its gradients keep their size (Hinton et al. 2015, arXiv 1503.02531, section 2).
 */
export function distillationLoss(
  logits: Tensor,
  originalLogits: Tensor,
  temperature: number,
): Tensor {
  const target = mulScalar(originalLogits, 1 / temperature);
  const difference = sub(logSoftmax(target), logSoftmax(mulScalar(logits, 1 / temperature)));
  const divergence = mean(sum(mul(softmax(target), difference), [1]));
  return mulScalar(divergence, temperature ** 2);
}

/**
 * Mean squared error between feature maps [N, C, H, W], over the variance of the original's, with those of all workers:
 * 1 is what the best constant map reaches.
 */
export function featureLoss(features: Tensor, original: Tensor): Tensor {
  const average = meanOverWorkers(mean(original));
  const variance = meanOverWorkers(mean(square(sub(original, average))));
  return div(meanSquaredError(features, original), variance);
}
