// Operators that make tensors.

import { attribute } from "../attributes.ts";
import { elementCount } from "../graph.ts";
import { fromNumbers, pick } from "../tensorData.ts";
import { type Call, describe, facts, type ShapeRule } from "./call.ts";
import { elementType } from "./elementType.ts";
import { constantOf, fold } from "./folding.ts";

export function ConstantOfShape(call: Call) {
  const shape = call.integers(0);
  const fill = attribute(call.node, "value", "tensor") ?? fromNumbers("float32", [1], [0]);
  if (elementCount(fill.shape) !== 1) call.fail(`"value" must have one element`);
  const compute = () => pick(fill, new Uint8Array(elementCount(shape)), shape);
  return [facts(fill.dtype, shape, fold(call, { dtype: fill.dtype, shape }, { compute }))];
}

export function Range(call: Call) {
  const { dtype } = call.input(0);
  const [start, limit, step] = [call.constant(0)[0]!, call.constant(1)[0]!, call.constant(2)[0]!];
  if (step === 0) call.fail("the step is 0");
  const count = Math.max(0, Math.ceil((limit - start) / step));
  const compute = () =>
    constantOf(
      dtype,
      [count],
      Array.from({ length: count }, (_, i) => start + i * step),
    );
  return [facts(dtype, [count], fold(call, { dtype, shape: [count] }, { compute }))];
}

export function EyeLike(call: Call) {
  const x = call.input(0);
  if (x.shape.length !== 2) call.fail(`the input must be a matrix, but is ${describe(x)}`);
  return [facts(elementType(call, "dtype") ?? x.dtype, x.shape)];
}

const random: ShapeRule = (call) => [
  facts(
    elementType(call, "dtype") ?? "float32",
    call.ints("shape") ?? call.fail(`"shape" is missing`),
  ),
];

const randomLike: ShapeRule = (call) => [
  facts(elementType(call, "dtype") ?? call.input(0).dtype, call.input(0).shape),
];

export const RandomNormal = random;
export const RandomUniform = random;
export const RandomNormalLike = randomLike;
export const RandomUniformLike = randomLike;
export const Bernoulli = randomLike;
