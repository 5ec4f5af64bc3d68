// Reading and writing by index. Negative indices count from the end.
import { elementCount } from "../../graph/graph.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import {
  add,
  addScalar,
  axisOf,
  checkShape,
  expand,
  hostTensor,
  indexSelect,
  mul,
  permute,
  range,
  reshape,
  slice,
  sum,
  where,
} from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { OperatorContext } from "../operator.ts";

const equal = operator("aten::eq.Tensor");
const gather = operator("aten::gather");
const lessThan = operator("aten::lt.Scalar");
const lowerTriangle = operator("aten::tril");
const nonzero = operator("aten::nonzero");
const scatter = operator("aten::scatter.src");
const scatterAdd = operator("aten::scatter_add");
const scatterCombine = operator("aten::scatter.reduce");
const scatterReduce = operator("aten::scatter_reduce.two");
const upperTriangle = operator("aten::triu");

/** Indices of [-length, length) as int64 in [0, length). */
function fromFront(indices: Tensor, length: number): Tensor {
  const long = indices.to({ dtype: "int64" });
  return where(lessThan(long, 0), addScalar(long, length), long);
}

export function Gather(
  [x, indices]: [Tensor, Tensor],
  { axis = 0 }: Attributes,
  call: OperatorContext,
): Tensor {
  const along = axisOf(axis, x.shape.length);
  const length = x.shape[along]!;
  const shape = [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)];
  const constant = call.values(1);
  if (constant?.length === 1) {
    const position = axisOf(constant[0]!, length);
    return reshape(slice(x, along, position, position + 1), shape);
  }
  const flat = reshape(fromFront(indices, length), [-1]);
  return reshape(indexSelect(x, along, flat), shape);
}

export function GatherElements([x, indices]: [Tensor, Tensor], { axis = 0 }: Attributes): Tensor {
  const along = axisOf(axis, x.shape.length);
  return gather(x, along, fromFront(indices, x.shape[along]!));
}

export function GatherND([x, indices]: [Tensor, Tensor], { batch_dims = 0 }: Attributes): Tensor {
  const depth = indices.shape.at(-1) ?? 0;
  const batch = x.shape.slice(0, batch_dims);
  const indexed = x.shape.slice(batch_dims, batch_dims + depth);
  const rest = x.shape.slice(batch_dims + depth);
  const spread = indices.shape.slice(batch_dims, -1);
  const rows = reshape(flatPositions(indices, indexed), [
    elementCount(batch),
    elementCount(spread),
  ]);
  const starts = range(elementCount(batch)).map((row) => row * elementCount(indexed));
  const positions = add(rows, hostTensor(starts, x, { shape: [starts.length, 1] }));
  const blocks = reshape(x, [elementCount(batch) * elementCount(indexed), elementCount(rest)]);
  return reshape(indexSelect(blocks, 0, reshape(positions, [-1])), [...batch, ...spread, ...rest]);
}

/** Index tuples along the last axis, as positions in a tensor of these sizes in row-major order. */
function flatPositions(indices: Tensor, sizes: readonly number[]): Tensor {
  const strides = sizes.map((_, axis) => elementCount(sizes.slice(axis + 1)));
  const lengths = hostTensor(sizes, indices);
  const long = indices.to({ dtype: "int64" });
  const front = where(lessThan(long, 0), add(long, lengths), long);
  return sum(mul(front, hostTensor(strides, indices)), [-1], false);
}

/** Joins updates with what stands at their places already, in this and the other rows. */
function scatterWith(
  reduction: string,
  { x, axis, indices, updates }: { x: Tensor; axis: number; indices: Tensor; updates: Tensor },
): Tensor {
  switch (reduction) {
    case "none":
      return scatter(x, axis, indices, updates);
    case "add":
      return scatterAdd(x, axis, indices, updates);
    case "mul":
      return scatterCombine(x, axis, indices, updates, "multiply");
    case "max":
    case "min":
      return scatterReduce(x, axis, indices, updates, `a${reduction}`);
    default:
      throw new RangeError(`reduction "${reduction}" is not supported`);
  }
}

export function ScatterElements(
  [x, indices, updates]: [Tensor, Tensor, Tensor],
  { axis = 0, reduction = "none" }: Attributes,
): Tensor {
  const along = axisOf(axis, x.shape.length);
  const front = fromFront(indices, x.shape[along]!);
  return scatterWith(reduction, { x, axis: along, indices: front, updates });
}

/** The deprecated name of ScatterElements. */
export const Scatter = ScatterElements;

export function ScatterND(
  [x, indices, updates]: [Tensor, Tensor, Tensor],
  { reduction = "none" }: Attributes,
): Tensor {
  const depth = indices.shape.at(-1) ?? 0;
  const [indexed, rest] = [x.shape.slice(0, depth), x.shape.slice(depth)];
  const blocks = reshape(x, [elementCount(indexed), elementCount(rest)]);
  const positions = reshape(flatPositions(indices, indexed), [-1]);
  const rows = reshape(updates, [-1, elementCount(rest)]);
  const spread = expand(reshape(positions, [-1, 1]), rows.shape);
  const scattered = scatterWith(reduction, { x: blocks, axis: 0, indices: spread, updates: rows });
  return reshape(scattered, x.shape);
}

/** `values` holds the value of the other places, then that of the chosen ones. */
export function OneHot(
  [indices, , values]: [Tensor, undefined, Tensor],
  { axis = -1 }: Attributes,
  call: OperatorContext,
): Tensor {
  const depth = call.values(1)?.[0] ?? 0;
  checkShape([...indices.shape, depth], call);
  const rank = indices.shape.length + 1;
  const along = axisOf(axis, rank);
  const classes = hostTensor(range(depth), indices, {
    shape: range(rank).map((other) => (other === along ? depth : 1)),
  });
  const long = reshape(indices.to({ dtype: "int64" }), [
    ...indices.shape.slice(0, along),
    1,
    ...indices.shape.slice(along),
  ]);
  const chosen = equal(where(lessThan(long, 0), addScalar(long, depth), long), classes);
  return where(chosen, slice(values, 0, 1, 2), slice(values, 0, 0, 1));
}

export function Compress([x]: [Tensor], { axis }: Attributes, call: OperatorContext): Tensor {
  const condition = call.values(1) ?? [];
  const positions = range(condition.length).filter((index) => condition[index]);
  const source = axis === undefined ? reshape(x, [-1]) : x;
  return indexSelect(source, axis ?? 0, hostTensor(positions, x));
}

export function NonZero([x]: [Tensor]): Tensor {
  return permute(nonzero(x), [1, 0]);
}

export function Trilu([x]: [Tensor], { upper = 1 }: Attributes, call: OperatorContext): Tensor {
  const diagonal = call.values(1)?.[0] ?? 0;
  return upper ? upperTriangle(x, diagonal) : lowerTriangle(x, diagonal);
}
