// Shape and layout: views, joins and cuts.

import { elementCount } from "../../graph/graph.ts";
import { sliceRange } from "../../graph/sliceRange.ts";
import { record } from "../../record.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import {
  axisOf,
  cat,
  checkShape,
  expand,
  hostTensor,
  indexSelect,
  permute,
  range,
  reshape,
  slice,
} from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { Operator, OperatorContext, Outputs } from "../operator.ts";
import { padSpatial } from "../window.ts";

const repeat = operator("aten::repeat");
const splitWithSizes = operator<Tensor[]>("aten::split_with_sizes");

export function Identity([x]: [Tensor]): Tensor {
  return x;
}

/** 0 keeps a size unless `allowzero`; -1 is worked out. */
export function Reshape(
  [x]: [Tensor],
  { allowzero = 0 }: Attributes,
  call: OperatorContext,
): Tensor {
  const wanted = call.values(1) ?? [];
  return reshape(
    x,
    wanted.map((size, axis) => (size === 0 && !allowzero ? (x.shape[axis] ?? 0) : size)),
  );
}

export function Flatten([x]: [Tensor], { axis = 1 }: Attributes): Tensor {
  const from = axis === x.shape.length ? axis : axisOf(axis, x.shape.length);
  return reshape(x, [elementCount(x.shape.slice(0, from)), elementCount(x.shape.slice(from))]);
}

/** Axes are an attribute before version 13. */
function withAxes(
  compute: (x: Tensor, axes: readonly number[] | undefined) => Tensor,
): Readonly<Record<number, Operator>> {
  return {
    7: ([x]: [Tensor], { axes }: Attributes) => compute(x, axes),
    13: ([x]: [Tensor], _: Attributes, call: OperatorContext) => compute(x, call.values(1)),
  };
}

export const Squeeze = withAxes((x, axes) => {
  const gone = axes?.map((axis) => axisOf(axis, x.shape.length));
  const kept = x.shape.filter((size, axis) => (gone ? !gone.includes(axis) : size !== 1));
  return reshape(x, kept);
});

export const Unsqueeze = withAxes((x, axes = []) => {
  const rank = x.shape.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(axis, rank)));
  const sizes = [...x.shape];
  return reshape(
    x,
    range(rank).map((axis) => (added.has(axis) ? 1 : (sizes.shift() ?? 1))),
  );
});

export function Transpose([x]: [Tensor], { perm }: Attributes): Tensor {
  return permute(x, perm ?? range(x.shape.length).reverse());
}

/** Broadcasts in both directions: a size of 1 in the wanted shape keeps the tensor's. */
export function Expand([x]: [Tensor], _: Attributes, call: OperatorContext): Tensor {
  const wanted = call.values(1) ?? [];
  const rank = Math.max(wanted.length, x.shape.length);
  const sizes = range(rank).map((axis) => {
    const size = wanted[axis - rank + wanted.length] ?? 1;
    return size === 1 ? (x.shape[axis - rank + x.shape.length] ?? 1) : size;
  });
  return expand(x, checkShape(sizes, call));
}

export function Tile([x]: [Tensor], _: Attributes, call: OperatorContext): Tensor {
  const repeats = call.values(1) ?? [];
  checkShape(
    repeats.map((count, axis) => count * (x.shape[axis] ?? 1)),
    call,
  );
  return repeat(x, repeats);
}

export function Concat(inputs: Tensor[], { axis = 1 }: Attributes): Tensor {
  return cat(inputs, axis);
}

/** Sizes are an attribute before version 13, an input or a number of parts from then on. */
export const Split = {
  7: ([x]: [Tensor], { axis = 0, split }: Attributes, call: OperatorContext): Outputs =>
    cut(x, axis, split ?? call.outputs),
  13: ([x]: [Tensor], { axis = 0, num_outputs }: Attributes, call: OperatorContext): Outputs =>
    cut(x, axis, call.values(1) ?? num_outputs ?? call.outputs),
};

function cut(x: Tensor, axis: number, parts: readonly number[] | number): Outputs {
  const length = x.shape[axisOf(axis, x.shape.length)]!;
  if (typeof parts !== "number") return splitWithSizes(x, parts, axis);
  const size = Math.ceil(length / parts);
  const sizes = range(parts).map((part) => Math.max(0, Math.min(size, length - part * size)));
  return splitWithSizes(x, sizes, axis);
}

/** Bounds are attributes before version 10, inputs from then on. */
export const Slice = {
  7: ([x]: [Tensor], { starts = [], ends = [], axes }: Attributes): Tensor =>
    sliceAxes(x, { starts, ends, axes, steps: undefined }),
  10: ([x]: [Tensor], _: Attributes, call: OperatorContext): Tensor =>
    sliceAxes(x, {
      starts: call.values(1) ?? [],
      ends: call.values(2) ?? [],
      axes: call.values(3),
      steps: call.values(4),
    }),
};

interface Bounds {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[] | undefined;
  readonly steps: readonly number[] | undefined;
}

function sliceAxes(x: Tensor, { starts, ends, axes, steps }: Bounds): Tensor {
  return starts.reduce((y, start, index) => {
    const axis = axisOf(axes?.[index] ?? index, y.shape.length);
    const step = steps?.[index] ?? 1;
    const [first, count] = sliceRange({ start, end: ends[index] ?? 0, step }, y.shape[axis]!);
    if (step > 0) return slice(y, axis, first, first + count * step, step);
    const positions = range(count).map((position) => first + position * step);
    return indexSelect(y, axis, hostTensor(positions, y));
  }, x);
}

/** Padding and its value are attributes before version 11, inputs from then on. */
export const Pad = {
  7: (
    [x]: [Tensor],
    { mode, pads = [], value }: Attributes,
    { mostElements }: OperatorContext,
  ): Tensor =>
    padAxes(x, {
      mode,
      pads,
      axes: undefined,
      value: typeof value === "number" ? value : 0,
      mostElements,
    }),
  11: ([x]: [Tensor], { mode }: Attributes, call: OperatorContext): Tensor =>
    padAxes(x, {
      mode,
      pads: call.values(1) ?? [],
      axes: call.values(3),
      value: call.values(2)?.[0] ?? 0,
      mostElements: call.mostElements,
    }),
};

interface Padding {
  readonly mode: string | undefined;
  readonly pads: readonly number[];
  readonly axes: readonly number[] | undefined;
  readonly value: number;
  readonly mostElements: number;
}

function padAxes(
  x: Tensor,
  { mode = "constant", pads, axes, value, mostElements }: Padding,
): Tensor {
  const rank = x.shape.length;
  const padded = axes?.map((axis) => axisOf(axis, rank)) ?? range(rank);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  padded.forEach((axis, index) => {
    before[axis] = pads[index] ?? 0;
    after[axis] = pads[index + padded.length] ?? 0;
  });
  checkShape(
    x.shape.map((size, axis) => size + before[axis]! + after[axis]!),
    { mostElements },
  );
  if (mode === "constant") return padSpatial(x, [...before, ...after], value);
  const source = sourceOf[mode];
  if (!source) throw new RangeError(`mode "${mode}" is not supported`);
  return before.reduce((y, from, axis) => {
    const length = y.shape[axis]!;
    if (from === 0 && after[axis] === 0) return y;
    const positions = range(from + length + after[axis]!).map((i) => source(i - from, length));
    return indexSelect(y, axis, hostTensor(positions, y));
  }, x);
}

/** Where the element at a position comes from that may lie outside of [0, length). */
const sourceOf = record<(position: number, length: number) => number>(
  Object.entries({
    edge: (position, length) => Math.min(Math.max(position, 0), length - 1),
    wrap: (position, length) => ((position % length) + length) % length,
    reflect: (position, length) => {
      const period = Math.max(1, 2 * (length - 1));
      const offset = ((position % period) + period) % period;
      return offset < length ? offset : period - offset;
    },
  }),
);

export function SpaceToDepth([x]: [Tensor], { blocksize = 1 }: Attributes): Tensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const [rows, columns] = [height / blocksize, width / blocksize];
  const blocks = reshape(x, [batch, channels, rows, blocksize, columns, blocksize]);
  const moved = permute(blocks, [0, 3, 5, 1, 2, 4]);
  return reshape(moved, [batch, channels * blocksize ** 2, rows, columns]);
}

export function DepthToSpace([x]: [Tensor], { blocksize = 1, mode = "DCR" }: Attributes): Tensor {
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const depth = channels / blocksize ** 2;
  const inner = [blocksize, blocksize];
  const blocks = mode === "DCR" ? [...inner, depth] : [depth, ...inner];
  const order = mode === "DCR" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  const moved = permute(reshape(x, [batch, ...blocks, height, width]), order);
  return reshape(moved, [batch, depth, height * blocksize, width * blocksize]);
}
