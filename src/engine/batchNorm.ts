// Batch normalization of a training step (Ioffe and Szegedy 2015), alone or with the ReLU behind it.
import { type Tensor, trainingBatchNorm } from "../torch/index.ts";
import type { Attributes } from "./attributes.ts";
import type { OperatorContext } from "./operator.ts";

export type BatchNormInputs = [
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  runningMean: Tensor,
  runningVariance: Tensor,
];

/** Normalizes by the batch's statistics and updates the running ones in place. */
export function trainBatchNorm(
  [x, weight, bias, runningMean, runningVariance]: BatchNormInputs,
  { epsilon = 1e-5, momentum: kept = 0.9 }: Attributes,
  {
    batchWeight: momentum = 1 - kept,
    withRelu,
  }: Pick<OperatorContext, "batchWeight"> & { withRelu: boolean },
): Tensor {
  const state = { weight, bias, runningMean, runningVariance, epsilon, momentum };
  return trainingBatchNorm(x, state, withRelu);
}
