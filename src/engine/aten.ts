// libtorch operators that several families of operators share, and tensors made from host values.
import { fromFront } from "../graph/attributes.ts";
import { elementCount } from "../graph/graph.ts";
import { counted } from "../text.ts";
import { type DType, dtypeCode, operator, type Tensor, tensor } from "../torch/index.ts";
import type { OperatorContext } from "./operator.ts";

export {
  add,
  addScalar,
  div,
  divScalar,
  indexSelect,
  mul,
  mulScalar,
  reshape,
  sqrt,
  sub,
} from "../torch/index.ts";

export const alias = operator("aten::alias");
export const abs = operator("aten::abs");
export const amax = operator("aten::amax");
export const cat = operator("aten::cat");
export const expand = operator("aten::expand");
export const padConstant = operator("aten::constant_pad_nd");
export const permute = operator("aten::permute");
export const powScalar = operator("aten::pow.Tensor_Scalar");
export const slice = operator("aten::slice.Tensor");
export const where = operator("aten::where.self");

const meanOver = operator("aten::mean.dim");
const sumOver = operator("aten::sum.dim_IntList");

/** Mean over axes; with no axes, the tensor itself. */
export function mean(x: Tensor, axes: readonly number[], keepdims = true): Tensor {
  return axes.length > 0 ? meanOver(x, axes, keepdims) : x;
}

/** Sum over axes in the tensor's own type; with no axes, the tensor itself. */
export function sum(x: Tensor, axes: readonly number[], keepdims = true): Tensor {
  return axes.length > 0 ? sumOver(x, axes, keepdims, dtypeCode(x.dtype)) : x;
}

/** A tensor of host values beside `like`: int64 unless said otherwise. */
export function hostTensor(
  values: readonly number[],
  like: Tensor,
  { dtype = "int64", shape = [values.length] }: { dtype?: DType; shape?: readonly number[] } = {},
): Tensor {
  return tensor(values, { dtype, shape, device: like.device });
}

/** Longest list of positions on the host; no axis of a classifier comes near it. */
export const mostHostValues = 2 ** 22;

/** Numbers 0 to count - 1. Throws RangeError beyond `mostHostValues`. */
export function range(count: number): number[] {
  if (!(count <= mostHostValues)) throw new RangeError(`${count} positions are too many`);
  return Array.from({ length: count }, (_, index) => index);
}

/** An axis counted from the front. Throws RangeError outside of [-rank, rank). */
export function axisOf(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(
      `axis ${axis} is outside of a tensor with ${counted(rank, "axis", "axes")}`,
    );
  }
  return fromFront(axis, rank);
}

/** Smaller tensors are made without a look at the free memory. */
const smallTensor = 2 ** 24;

/**
 * The shape, checked before a tensor of it is made. Throws RangeError where it is negative, larger than
 * the call may make, or larger than the free memory.
 */
export function checkShape(
  shape: readonly number[],
  { mostElements }: Pick<OperatorContext, "mostElements">,
): readonly number[] {
  const count = elementCount(shape);
  const isLarge = count > smallTensor && count * 4 > process.availableMemory();
  if (shape.some((size) => !(size >= 0)) || count > mostElements || isLarge) {
    throw new RangeError(`a tensor of shape [${shape}] is impossible or too large`);
  }
  return shape;
}
