// Reductions over axes, running sums, and positions of extremes.
import { isFloat } from "../../graph/tensorData.ts";
import { dtypeCode, operator, type Tensor } from "../../torch/index.ts";
import { abs, addScalar, amax, axisOf, mean, mul, range, sqrt, sub, sum } from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { Operator, OperatorContext } from "../operator.ts";

const amin = operator("aten::amin");
const argmax = operator("aten::argmax");
const argmin = operator("aten::argmin");
const cumulate = operator("aten::cumsum");
const flip = operator("aten::flip");
const log = operator("aten::log");
const logSumExp = operator("aten::logsumexp");
const negate = operator("aten::neg");
const norm = operator("aten::linalg_vector_norm");
const productOver = operator("aten::prod.dim_int");
const topK = operator<[Tensor, Tensor]>("aten::topk");

type Reduce = (x: Tensor, axes: readonly number[], keepdims: boolean) => Tensor;

/** Reduces `axes` (all where none are given, unless the model says that none means none). */
function reduceWith(
  reduce: Reduce,
  x: Tensor,
  { axes, keepdims = 1, noop_with_empty_axes = 0 }: Attributes,
): Tensor {
  const given = axes ?? [];
  if (given.length === 0 && noop_with_empty_axes) return reduce(x, [], true);
  const rank = x.shape.length;
  const chosen = given.length > 0 ? given.map((axis) => axisOf(axis, rank)) : range(rank);
  return reduce(x, chosen, keepdims !== 0);
}

/** Axes are an attribute before version `since`, an input from then on. */
function reduction(reduce: Reduce, since = 18): Readonly<Record<number, Operator>> {
  return {
    7: ([x]: [Tensor], attributes: Attributes) => reduceWith(reduce, x, attributes),
    [since]: ([x]: [Tensor], attributes: Attributes, call: OperatorContext) =>
      reduceWith(reduce, x, { ...attributes, axes: call.values(1) ?? [] }),
  };
}

const isNone = (axes: readonly number[]) => axes.length === 0;

export const ReduceSum = reduction(sum, 13);
export const ReduceMean = reduction(mean);
export const ReduceMax = reduction((x, axes, keep) => (isNone(axes) ? x : amax(x, axes, keep)));
export const ReduceMin = reduction((x, axes, keep) => (isNone(axes) ? x : amin(x, axes, keep)));
export const ReduceL1 = reduction((x, axes, keep) => sum(abs(x), axes, keep));
// The root of a sum has no gradient at 0, the norm has.
export const ReduceL2 = reduction((x, axes, keep) => {
  if (isNone(axes)) return abs(x);
  return isFloat(x.dtype) ? norm(x, 2, axes, keep) : sqrt(sum(mul(x, x), axes, keep));
});
export const ReduceSumSquare = reduction((x, axes, keep) => sum(mul(x, x), axes, keep));
export const ReduceLogSum = reduction((x, axes, keep) => log(sum(x, axes, keep)));
export const ReduceLogSumExp = reduction((x, axes, keep) =>
  isNone(axes) ? x : logSumExp(x, axes, keep),
);

export const ReduceProd = reduction((x, axes, keep) => {
  // libtorch multiplies along one axis at a time; the last first, so that the others keep their place.
  const lastFirst = [...axes].sort((a, b) => b - a);
  return lastFirst.reduce((y, axis) => productOver(y, axis, keep, dtypeCode(x.dtype)), x);
});

function extreme(find: (x: Tensor, axis: number, keepdims: boolean) => Tensor) {
  return ([x]: [Tensor], { axis = 0, keepdims = 1, select_last_index = 0 }: Attributes): Tensor => {
    const along = axisOf(axis, x.shape.length);
    if (!select_last_index) return find(x, along, keepdims !== 0);
    const fromEnd = find(flip(x, [along]), along, keepdims !== 0);
    return addScalar(negate(fromEnd), x.shape[along]! - 1);
  };
}

export const ArgMax = extreme((x, axis, keepdims) => argmax(x, axis, keepdims));
export const ArgMin = extreme((x, axis, keepdims) => argmin(x, axis, keepdims));

/** The number of elements is an attribute before version 10. */
export const TopK = {
  7: ([x]: [Tensor], { axis = -1, k = 0 }: Attributes) => topK(x, k, axis),
  10: ([x]: [Tensor], { axis = -1, largest = 1, sorted = 1 }: Attributes, call: OperatorContext) =>
    topK(x, call.values(1)?.[0] ?? 0, axis, largest !== 0, sorted !== 0),
};

export function CumSum(
  [x]: [Tensor],
  { exclusive = 0, reverse = 0 }: Attributes,
  call: OperatorContext,
): Tensor {
  const axis = call.values(1)?.[0] ?? 0;
  const ordered = reverse ? flip(x, [axis]) : x;
  const sums = cumulate(ordered, axis, dtypeCode(x.dtype));
  const result = exclusive ? sub(sums, ordered) : sums;
  return reverse ? flip(result, [axis]) : result;
}
