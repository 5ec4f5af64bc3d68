// Activation functions: the output has the shape of the input.
import { elementCount } from "../graph.ts";
import { type Call, describe, facts, type ShapeRule, sameShape } from "./call.ts";
import { broadcast, elementwise } from "./folding.ts";

/** Activations along an axis; before version 13 the axes from there on were taken as one. */
const alongAxis: ShapeRule = (call) => {
  const { shape } = call.input(0);
  call.axis(call.int("axis") ?? (call.opset < 13 ? 1 : -1), shape.length);
  return sameShape(call);
};

export const Relu: ShapeRule = (call) =>
  elementwise(call, [call.input(0)], { compute: ([x]) => Math.max(x!, 0) });
export const LeakyRelu = sameShape;
export const ThresholdedRelu = sameShape;
export const Elu = sameShape;
export const Selu = sameShape;
export const Celu = sameShape;
export const Gelu = sameShape;
export const Mish = sameShape;
export const Swish = sameShape;
export const Sigmoid = sameShape;
export const HardSigmoid = sameShape;
export const HardSwish = sameShape;
export const Tanh = sameShape;
export const Softplus = sameShape;
export const Softsign = sameShape;
export const Shrink = sameShape;
export const Softmax = alongAxis;
export const LogSoftmax = alongAxis;
export const Hardmax = alongAxis;

export function PRelu(call: Call) {
  const [x, slope] = [call.input(0), call.input(1)];
  const shape = broadcast(call, [x, slope]);
  if (shape.length !== x.shape.length || elementCount(shape) !== elementCount(x.shape)) {
    call.fail(`the slope ${describe(slope)} does not broadcast to the input ${describe(x)}`);
  }
  return [facts(x.dtype, x.shape)];
}

/** Limits are attributes before version 11, inputs from then on. */
export function Clip(call: Call) {
  const x = call.input(0);
  if (call.opset < 11) return [facts(x.dtype, x.shape)];
  const [low, high] = [call.optional(1), call.optional(2)];
  const limits = [low, high].filter((limit) => limit !== undefined);
  for (const limit of limits) {
    if (elementCount(limit.shape) !== 1 || limit.shape.length > 1) {
      call.fail(`a limit must be one number, but is ${describe(limit)}`);
    }
  }
  const compute = ([value, ...bounds]: readonly number[]) => {
    const atLeast = low ? Math.max(value!, bounds[0]!) : value!;
    return high ? Math.min(atLeast, bounds.at(-1)!) : atLeast;
  };
  const [{ dtype, value }] = elementwise(call, [x, ...limits], { compute });
  // Limits of shape [1] must not give a scalar an axis.
  return [facts(dtype, x.shape, value && { ...value, shape: x.shape })];
}
