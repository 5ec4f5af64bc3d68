// Joint training (DeepObfuscation, arXiv 1806.10313): the chain learns the original's intermediate
// knowledge and the labels together. The abstract names no weights; these are ours.

import { operator, type Tensor } from "../torch/index.ts";
import { distillationLoss, featureLoss, type LossTerm, labelLoss } from "../train/index.ts";
import type { Knowledge } from "./original.ts";

/** Weights of the terms; a term of weight zero is left out. */
export interface JointWeights {
  /** Mean squared error of the features over the variance of the original's. */
  readonly feature: number;
  /** Cross entropy with the labels. */
  readonly label: number;
  /** Divergence from the original's softened predictions. */
  readonly distillation: number;
}

export const defaultWeights: JointWeights = { feature: 1, label: 0.5, distillation: 0.5 };

const temperature = 4;
const averagePool = operator("aten::_adaptive_avg_pool2d");

/** The joint loss of a batch as its weighted terms. */
export function jointLoss(
  simulated: Knowledge,
  target: { readonly original: Knowledge; readonly labels: Tensor },
  weights: JointWeights,
): LossTerm[] {
  const { original, labels } = target;
  const terms: Record<keyof JointWeights, () => Tensor> = {
    feature: () => featureLoss(...sameSize(simulated.features, original.features)),
    label: () => labelLoss(simulated.logits, labels),
    distillation: () => distillationLoss(simulated.logits, original.logits, temperature),
  };
  return (Object.keys(terms) as (keyof JointWeights)[])
    .filter((name) => weights[name] > 0)
    .map((name) => ({ name, weight: weights[name], value: terms[name]() }));
}

/** Averages the larger of two maps down to the size of the smaller. */
function sameSize(a: Tensor, b: Tensor): [Tensor, Tensor] {
  const size = [2, 3].map((axis) => Math.min(a.shape[axis] as number, b.shape[axis] as number));
  const fit = (map: Tensor) =>
    map.shape[2] === size[0] && map.shape[3] === size[1] ? map : averagePool(map, size);
  return [fit(a), fit(b)];
}
