// Reductions over axes.
import { elementCount } from "../graph.ts";
import { isFloat, toNumbers } from "../tensorData.ts";
import { type Call, facts, type ShapeRule, type TensorFacts } from "./call.ts";
import { constantOf, fold, rowMajorStrides, smallValue, stridedPositions } from "./folding.ts";

type Combine = (elements: readonly number[]) => number;

/** `since` is the version in which the axes became an input. */
const reduction =
  (since: number, combine?: Combine): ShapeRule =>
  (call) => {
    const x = call.input(0);
    const given = call.integersSince(since, "axes", 1) ?? [];
    // Each element is reduced by itself then: ReduceL1 still takes its magnitude.
    if (given.length === 0 && (call.int("noop_with_empty_axes") ?? 0) !== 0) {
      return [facts(x.dtype, x.shape, combine && x.value)];
    }
    const all = x.shape.map((_, axis) => axis);
    const axes = given.length > 0 ? call.axes(given, x.shape.length) : all;
    const keep = (call.int("keepdims") ?? 1) !== 0;
    const shape = x.shape
      .map((size, axis) => (axes.includes(axis) ? 1 : size))
      .filter((_, axis) => keep || !axes.includes(axis));
    return [facts(x.dtype, shape, combine && reduced(call, x, { axes, shape, combine }))];
  };

function reduced(
  call: Call,
  x: TensorFacts,
  { axes, shape, combine }: { axes: readonly number[]; shape: readonly number[]; combine: Combine },
) {
  const value = smallValue(x);
  if (!value) return undefined;
  const strides = rowMajorStrides(x.shape);
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const over = (list: readonly number[], offset: number) =>
    stridedPositions(
      list.map((axis) => x.shape[axis]!),
      list.map((axis) => strides[axis]!),
      offset,
    );
  const compute = () => {
    const numbers = toNumbers(value);
    const results = over(kept, 0).map((offset) =>
      combine(over(axes, offset).map((position) => numbers[position]!)),
    );
    return constantOf(x.dtype, shape, isFloat(x.dtype) ? results : results.map(Math.trunc));
  };
  const visits = Math.max(elementCount(x.shape), elementCount(shape));
  return fold(call, { dtype: x.dtype, shape }, { visits, compute });
}

const sum: Combine = (elements) => elements.reduce((total, element) => total + element, 0);

export const ReduceSum = reduction(13, sum);
export const ReduceMean = reduction(18, (elements) => sum(elements) / elements.length);
export const ReduceProd = reduction(18, elementCount);
export const ReduceMax = reduction(18, (elements) => Math.max(...elements));
export const ReduceMin = reduction(18, (elements) => Math.min(...elements));
export const ReduceL1 = reduction(18);
export const ReduceL2 = reduction(18);
export const ReduceLogSum = reduction(18);
export const ReduceLogSumExp = reduction(18);
export const ReduceSumSquare = reduction(18);

const position = (call: Call) => {
  const x = call.input(0);
  const axis = call.axis(call.int("axis") ?? 0, x.shape.length);
  const keep = (call.int("keepdims") ?? 1) !== 0;
  return [facts("int64", keep ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1))];
};

export const ArgMax: ShapeRule = position;
export const ArgMin: ShapeRule = position;
