// Normalization and dropout.
import { elementCount } from "../../graph/graph.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import {
  add,
  addScalar,
  axisOf,
  div,
  mean,
  mul,
  mulScalar,
  powScalar,
  range,
  reshape,
  sqrt,
  sub,
  where,
} from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import { type BatchNormInputs, trainBatchNorm } from "../batchNorm.ts";
import type { OperatorContext, Outputs } from "../operator.ts";
import { padSpatial } from "../window.ts";

const averagePool2d = operator("aten::avg_pool2d");
const batchNorm = operator("aten::batch_norm");
const equalsNumber = operator("aten::eq.Scalar");
const groupNorm = operator("aten::group_norm");
const instanceNorm = operator("aten::instance_norm");
const layerNorm = operator<[Tensor, Tensor, Tensor]>("aten::native_layer_norm");
const nativeDropout = operator<[Tensor, Tensor]>("aten::native_dropout");
const norm = operator("aten::linalg_vector_norm");
const onesLike = operator("aten::ones_like");
const reciprocalRoot = operator("aten::rsqrt");
const repeatEach = operator("aten::repeat_interleave.self_int");
const variance = operator("aten::var.dim");

/**
 * Training takes the batch's statistics and updates the running ones in place, with the variance as
 * PyTorch does it (unbiased). `training_mode` in the file asks for new statistics as outputs.
 */
export function BatchNormalization(
  inputs: BatchNormInputs,
  attributes: Attributes,
  call: OperatorContext,
): Outputs {
  const { epsilon = 1e-5, spatial = 1, training_mode = 0 } = attributes;
  if (!spatial) throw new RangeError('"spatial" 0 is not supported');
  if (call.training) return trainBatchNorm(inputs, attributes, { ...call, withRelu: false });
  if (training_mode) return normalizeByBatch(inputs, attributes);
  const [x, weight, bias, runningMean, runningVariance] = inputs;
  return batchNorm(x, weight, bias, runningMean, runningVariance, false, 0, epsilon, true);
}

function normalizeByBatch(
  [x, weight, bias, runningMean, runningVariance]: BatchNormInputs,
  { epsilon = 1e-5, momentum = 0.9 }: Attributes,
): Outputs {
  const axes = range(x.shape.length).filter((axis) => axis !== 1);
  const [batchMean, batchVariance] = [mean(x, axes, false), variance(x, axes, false)];
  const y = batchNorm(x, weight, bias, batchMean, batchVariance, false, 0, epsilon, true);
  const updated = (running: Tensor, batch: Tensor) =>
    add(mulScalar(running, momentum), mulScalar(batch, 1 - momentum));
  return [y, updated(runningMean, batchMean), updated(runningVariance, batchVariance)];
}

export function InstanceNormalization(
  [x, scale, bias]: [Tensor, Tensor, Tensor],
  { epsilon = 1e-5 }: Attributes,
): Tensor {
  return instanceNorm(x, scale, bias, null, null, true, 0, epsilon, true);
}

/** Scale and bias are one a group before version 21, one a channel from then on. */
export const GroupNormalization = {
  18: ([x, scale, bias]: [Tensor, Tensor, Tensor], attributes: Attributes): Tensor => {
    const each = Math.trunc(x.shape[1]! / groupsOf(attributes));
    return normalizeGroups([x, repeatEach(scale, each), repeatEach(bias, each)], attributes);
  },
  21: normalizeGroups,
};

function normalizeGroups(
  [x, scale, bias]: [Tensor, Tensor, Tensor],
  attributes: Attributes,
): Tensor {
  return groupNorm(x, groupsOf(attributes), scale, bias, attributes.epsilon ?? 1e-5, true);
}

function groupsOf({ num_groups: groups = 0 }: Attributes): number {
  if (groups < 1) throw new RangeError(`"num_groups" must be at least 1, but is ${groups}`);
  return groups;
}

/** Also gives the mean and the reciprocal of the standard deviation. */
export function LayerNormalization(
  [x, scale, bias]: [Tensor, Tensor, Tensor?],
  { axis = -1, epsilon = 1e-5 }: Attributes,
): Outputs {
  const normalized = x.shape.slice(axisOf(axis, x.shape.length));
  const fits = [scale, bias].every(
    (t) => t === undefined || String(t.shape) === String(normalized),
  );
  if (fits) return layerNorm(x, normalized, scale, bias ?? null, epsilon);
  const [y, average, reciprocal] = layerNorm(x, normalized, null, null, epsilon);
  const scaled = mul(y, scale);
  return [bias ? add(scaled, bias) : scaled, average, reciprocal];
}

export function RMSNormalization(
  [x, scale]: [Tensor, Tensor],
  { axis = -1, epsilon = 1e-5 }: Attributes,
): Tensor {
  const axes = range(x.shape.length).slice(axisOf(axis, x.shape.length));
  const power = mean(mul(x, x), axes);
  return mul(mul(x, reciprocalRoot(addScalar(power, epsilon))), scale);
}

/** Local response normalization across channels (Krizhevsky et al. 2012). */
export function LRN(
  [x]: [Tensor],
  { alpha = 1e-4, beta = 0.75, bias = 1, size = 1 }: Attributes,
): Tensor {
  if (size < 1) throw new RangeError(`"size" must be at least 1, but is ${size}`);
  const [batch = 1, channels = 1, ...spatial] = x.shape;
  const squares = reshape(mul(x, x), [batch, 1, channels, elementCount(spatial)]);
  const before = Math.floor((size - 1) / 2);
  const padded = padSpatial(squares, [before, 0, size - 1 - before, 0]);
  const means = reshape(averagePool2d(padded, [size, 1], [1, 1]), x.shape);
  return div(x, powScalar(addScalar(mulScalar(means, alpha), bias), beta));
}

export function LpNormalization([x]: [Tensor], { axis = -1, p = 2 }: Attributes): Tensor {
  const length = norm(x, p, [axisOf(axis, x.shape.length)], true);
  // Rows of zeros stay so.
  return div(x, where(equalsNumber(length, 0), onesLike(length), length));
}

export function MeanVarianceNormalization([x]: [Tensor], { axes = [0, 2, 3] }: Attributes): Tensor {
  const centered = sub(x, mean(x, axes));
  const deviation = sqrt(mean(mul(centered, centered), axes));
  return div(centered, addScalar(deviation, 1e-9));
}

/** Drops in training, or where the file says so itself. The second output is the mask. */
export const Dropout = {
  7: ([x]: [Tensor], { ratio = 0.5 }: Attributes, call: OperatorContext): Outputs =>
    drop(x, ratio, call.training),
  12: ([x]: [Tensor], _: Attributes, call: OperatorContext): Outputs =>
    drop(x, call.values(1)?.[0] ?? 0.5, call.training || call.values(2)?.[0] === 1),
};

function drop(x: Tensor, ratio: number, training: boolean): Outputs {
  return training && ratio > 0
    ? nativeDropout(x, ratio, true)
    : [x, onesLike(x).to({ dtype: "bool" })];
}
