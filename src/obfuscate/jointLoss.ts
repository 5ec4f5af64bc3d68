// Joint training (DeepObfuscation, arXiv 1806.10313): the chain learns the original's intermediate
// knowledge and the labels together. The abstract names no weights; ours (defaults.ts) were found on images
// that were held out (docs/recipe.md): the feature maps of CIFAR-10's ResNets teach most.
import type { Batch, Batches } from "../data/index.ts";
import { mean, mulScalar, operator, scope, type Tensor } from "../torch/index.ts";
import { distillationLoss, featureLoss, type LossTerm, labelLoss } from "../train/index.ts";
import type { Knowledge, Teacher } from "./teacher.ts";

/** The joint loss. A term of weight zero is left out, and one must be above it. */
export interface JointLoss {
  /** Mean squared error of the features over the variance of the original's. */
  readonly featureWeight: number;
  /** Cross entropy with the labels. */
  readonly labelWeight: number;
  /** Divergence from the original's softened predictions. */
  readonly distillationWeight: number;
  /** What calibrated logits are divided by to soften predictions. */
  readonly temperature: number;
  /** Share of the labels that is spread over all classes (Szegedy et al. 2016, arXiv 1512.00567, section 7). */
  readonly labelSmoothing: number;
}

/** The joint loss of one original. */
export interface CalibratedLoss extends JointLoss {
  /** What all logits are multiplied by. */
  readonly calibration: number;
}

/** Standard deviation of an image's logits for which the default weights were found. */
const usualDeviation = 1.5;

const deviation = operator("aten::std.dim");
const averagePool = operator("aten::_adaptive_avg_pool2d");

/** What the teacher is asked for where simulated features stand in the place of these tensors. */
export function knowledgeFor(
  loss: JointLoss,
  tensors: readonly string[],
): { tensors: readonly string[]; logits: boolean } {
  return { tensors: loss.featureWeight > 0 ? tensors : [], logits: loss.distillationWeight > 0 };
}

/** Features that stand in the place of a tensor of the original; `name` is their term's. */
interface SimulatedFeatures {
  readonly name: string;
  readonly tensor: string;
  readonly features: Tensor;
}

/**
 * The terms of the loss: how far each of the simulated features is from the original's, and how well the logits that
 * follow from them fit, which are made where they have a weight. `known` must be there as `knowledgeFor` tells.
 */
export function jointTerms(
  simulated: readonly SimulatedFeatures[],
  context: { batch: Batch; known: Knowledge; loss: CalibratedLoss; logits: () => Tensor },
): LossTerm[] {
  const { batch, known, loss, logits } = context;
  const { featureWeight, labelWeight, distillationWeight } = loss;
  const terms = (featureWeight > 0 ? simulated : []).map(({ name, tensor, features }) => {
    const value = featureLoss(...sameSize(features, known.features[tensor]!));
    return { name, weight: featureWeight, value };
  });
  if (labelWeight === 0 && distillationWeight === 0) return terms;
  return [...terms, ...logitTerms(logits(), { batch, originalLogits: known.logits }, loss)];
}

/**
 * The loss with the factor that brings the original's logits to the usual size. Networks that learned for
 * long are over-confident (Guo et al. 2017, arXiv 1706.04599): their logits are several times larger, and in
 * the loss they would drown the features. 1 where the first batch's logits are not finite or all alike.
 */
export async function calibrate(
  loss: JointLoss,
  teacher: Teacher,
  batches: Batches,
): Promise<CalibratedLoss> {
  for await (const { images } of batches.epoch(0)) {
    const factor = scope(() => {
      const { logits } = teacher.look(images, { tensors: [], logits: true });
      return usualDeviation / mean(deviation(logits, [1], false)).item();
    });
    return { ...loss, calibration: Number.isFinite(factor) ? factor : 1 };
  }
  return { ...loss, calibration: 1 };
}

/**
 * How well the logits that follow from simulated features fit the labels and the original's logits, which
 * must be there where distillation has a weight. Both kinds of logits are calibrated first.
 */
function logitTerms(
  simulated: Tensor,
  target: { readonly batch: Batch; readonly originalLogits: Tensor | undefined },
  loss: CalibratedLoss,
): LossTerm[] {
  const logits = mulScalar(simulated, loss.calibration);
  const terms: LossTerm[] = [];
  if (loss.labelWeight > 0) {
    const value = labelLoss(logits, target.batch, loss.labelSmoothing);
    terms.push({ name: "label", weight: loss.labelWeight, value });
  }
  if (loss.distillationWeight > 0) {
    const original = mulScalar(target.originalLogits!, loss.calibration);
    const value = distillationLoss(logits, original, loss.temperature);
    terms.push({ name: "distillation", weight: loss.distillationWeight, value });
  }
  return terms;
}

/** Averages the larger of two maps down to the size of the smaller. */
function sameSize(a: Tensor, b: Tensor): [Tensor, Tensor] {
  const size = [2, 3].map((axis) => Math.min(a.shape[axis] as number, b.shape[axis] as number));
  const fit = (map: Tensor) =>
    map.shape[2] === size[0] && map.shape[3] === size[1] ? map : averagePool(map, size);
  return [fit(a), fit(b)];
}
