// Normalization.
import { counted } from "../../text.ts";
import { type Call, describe, facts, sameShape, type TensorFacts } from "./call.ts";

export const LRN = sameShape;
export const MeanVarianceNormalization = sameShape;

export function LpNormalization(call: Call) {
  call.axis(call.int("axis") ?? -1, call.input(0).shape.length);
  return sameShape(call);
}

/** Outputs after the first are the running statistics of a training model. */
export function BatchNormalization(call: Call) {
  const x = call.input(0);
  const channels = channelsOf(call, x);
  const statistics = [1, 2, 3, 4].map((index) => expectVector(call, index, channels));
  return [facts(x.dtype, x.shape), ...statistics.map(({ dtype }) => facts(dtype, [channels]))];
}

export function InstanceNormalization(call: Call) {
  const channels = channelsOf(call, call.input(0));
  expectVector(call, 1, channels);
  expectVector(call, 2, channels);
  return sameShape(call);
}

/** Scale and bias are one a group in version 18, one a channel from version 21 on. */
export function GroupNormalization(call: Call) {
  const channels = channelsOf(call, call.input(0));
  const groups = call.int("num_groups") ?? call.fail(`"num_groups" is missing`);
  if (groups < 1 || channels % groups !== 0) {
    call.fail(`${counted(channels, "channel")} cannot be divided into ${counted(groups, "group")}`);
  }
  expectVector(call, 1, call.opset < 21 ? groups : channels);
  expectVector(call, 2, call.opset < 21 ? groups : channels);
  return sameShape(call);
}

/** The second and third output are mean and inverse deviation, with the normalized axes of size 1. */
export function LayerNormalization(call: Call) {
  const x = call.input(0);
  const axis = call.axis(call.int("axis") ?? -1, x.shape.length);
  checkScale(call, axis);
  const reduced = facts(
    "float32",
    x.shape.map((size, i) => (i < axis ? size : 1)),
  );
  return [facts(x.dtype, x.shape), reduced, reduced];
}

export function RMSNormalization(call: Call) {
  const x = call.input(0);
  checkScale(call, call.axis(call.int("axis") ?? -1, x.shape.length));
  return sameShape(call);
}

function checkScale(call: Call, axis: number): void {
  const [x, scale] = [call.input(0), call.input(1)];
  const normalized = x.shape.slice(axis);
  const fits = scale.shape
    .toReversed()
    .every((size, i) => size === 1 || size === normalized[normalized.length - 1 - i]);
  if (!fits || scale.shape.length > x.shape.length) {
    call.fail(`the scale ${describe(scale)} does not fit axes [${normalized}] of ${describe(x)}`);
  }
}

function channelsOf(call: Call, x: TensorFacts): number {
  return x.shape[1] ?? call.fail(`the input must have channels, but is ${describe(x)}`);
}

function expectVector(call: Call, index: number, length: number): TensorFacts {
  const vector = call.input(index);
  if (vector.shape.length !== 1 || vector.shape[0] !== length) {
    call.fail(`input ${index + 1} must have shape [${length}], but is ${describe(vector)}`);
  }
  return vector;
}
