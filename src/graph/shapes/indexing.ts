// Operators that select, order or replace elements.
import { counted } from "../../text.ts";
import { elementCount, elementSize } from "../graph.ts";
import { sliceRange } from "../sliceRange.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { type Call, describe, facts, type ShapeRule, sameShape, type TensorFacts } from "./call.ts";
import { fold, rearranged, rowMajorStrides, smallValue, stridedPositions } from "./folding.ts";

export const GatherElements: ShapeRule = (call) => {
  const [x, indices] = [call.input(0), call.input(1)];
  call.axis(call.int("axis") ?? 0, x.shape.length);
  if (indices.shape.length !== x.shape.length) {
    call.fail(`indices ${describe(indices)} and data ${describe(x)} must have the same rank`);
  }
  return [facts(x.dtype, indices.shape)];
};

export const Scatter = sameShape;
export const ScatterElements = sameShape;
export const CumSum = sameShape;
export const ReverseSequence = sameShape;

export function Trilu(call: Call) {
  const x = call.input(0);
  if (x.shape.length < 2) call.fail(`the input must be a matrix, but is ${describe(x)}`);
  return sameShape(call);
}

export function Gather(call: Call) {
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.int("axis") ?? 0, x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const chosen = smallValue(indices);
  if (!chosen) return [facts(x.dtype, shape)];
  const positions = () => {
    const rows = toNumbers(chosen).map((index) => call.axis(index, x.shape[axis]!));
    const strides = rowMajorStrides(x.shape);
    const blocks = stridedPositions(x.shape.slice(0, axis), strides.slice(0, axis));
    const inner = stridedPositions(x.shape.slice(axis + 1), strides.slice(axis + 1));
    return blocks.flatMap((block) =>
      rows.flatMap((row) => inner.map((i) => block + row * strides[axis]! + i)),
    );
  };
  return [rearranged(call, x, shape, positions)];
}

export function GatherND(call: Call) {
  const [x, indices] = [call.input(0), call.input(1)];
  const batch = call.int("batch_dims") ?? 0;
  const depth = indices.shape.at(-1) ?? call.fail("the indices are a scalar");
  if (batch + depth > x.shape.length) {
    call.fail(`indices ${describe(indices)} are deeper than the data ${describe(x)}`);
  }
  return [facts(x.dtype, [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)])];
}

export function ScatterND(call: Call) {
  const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const depth = indices.shape.at(-1) ?? call.fail("the indices are a scalar");
  const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
  if (depth > x.shape.length || String(wanted) !== String(updates.shape)) {
    call.fail(`updates must have shape [${wanted}], but are ${describe(updates)}`);
  }
  return [facts(x.dtype, x.shape, scattered(call, { x, indices, updates }))];
}

function scattered(
  call: Call,
  { x, indices, updates }: Record<"x" | "indices" | "updates", TensorFacts>,
) {
  const [value, where, what] = [smallValue(x), smallValue(indices), smallValue(updates)];
  if (!value || !where || !what || (call.string("reduction") ?? "none") !== "none")
    return undefined;
  const depth = indices.shape.at(-1)!;
  const inner = elementCount(x.shape.slice(depth));
  const strides = rowMajorStrides(x.shape);
  const count = elementCount(indices.shape.slice(0, -1));
  const compute = () => {
    const flat = toNumbers(where);
    const size = elementSize[x.dtype];
    const data = value.data.slice();
    for (let i = 0; i < count; i++) {
      let position = 0;
      for (let axis = 0; axis < depth; axis++) {
        position += call.axis(flat[i * depth + axis]!, x.shape[axis]!) * strides[axis]!;
      }
      data.set(what.data.subarray(i * inner * size, (i + 1) * inner * size), position * size);
    }
    return { ...value, data };
  };
  // Without updates nothing changes, however many the other sizes make.
  if (inner === 0 || count === 0) return value;
  return fold(call, x, { visits: elementCount(x.shape) + count * depth, compute });
}

/** Bounds are attributes before version 10, inputs from then on. */
export function Slice(call: Call) {
  const x = call.input(0);
  const rank = x.shape.length;
  const starts = call.integersSince(10, "starts", 1) ?? call.fail(`"starts" is missing`);
  const ends = call.integersSince(10, "ends", 2) ?? call.fail(`"ends" is missing`);
  const axes = call.integersSince(10, "axes", 3) ?? starts.map((_, index) => index);
  const steps = (call.opset >= 10 && call.optional(4) && call.integers(4)) || starts.map(() => 1);
  if ([ends, axes, steps].some((list) => list.length !== starts.length)) {
    const lengths = [starts, ends, axes, steps].map(({ length }) => length);
    call.fail(`starts, ends, axes and steps must be of one length, but have ${lengths} elements`);
  }
  const shape = [...x.shape];
  const strides = rowMajorStrides(x.shape);
  let offset = 0;
  call.axes(axes, rank).forEach((axis, i) => {
    const range = { start: starts[i]!, end: ends[i]!, step: steps[i]! };
    if (range.step === 0) call.fail("a step is 0");
    const [first, count] = sliceRange(range, x.shape[axis]!);
    shape[axis] = count;
    offset += first * strides[axis]!;
    strides[axis] = strides[axis]! * range.step;
  });
  return [rearranged(call, x, shape, () => stridedPositions(shape, strides, offset))];
}

export function TopK(call: Call) {
  const x = call.input(0);
  const axis = call.axis(call.int("axis") ?? -1, x.shape.length);
  const k = (call.opset < 10 ? call.int("k") : call.integers(1)[0]) ?? call.fail(`"k" is missing`);
  if (k < 0 || k > x.shape[axis]!) {
    call.fail(
      `k is ${k}, but axis ${axis} of ${describe(x)} has ${counted(x.shape[axis]!, "element")}`,
    );
  }
  const shape = x.shape.with(axis, k);
  return [facts(x.dtype, shape), facts("int64", shape)];
}

export function OneHot(call: Call) {
  const [indices, values] = [call.input(0), call.input(2)];
  const rank = indices.shape.length + 1;
  const axis = call.axis(call.int("axis") ?? -1, rank);
  const depth = call.constant(1)[0] ?? call.fail("the depth is missing");
  if (depth < 0) call.fail(`the depth is ${depth}`);
  return [facts(values.dtype, indices.shape.toSpliced(axis, 0, depth))];
}

/** The number of elements found depends on data. */
export function NonZero(call: Call) {
  const value = smallValue(call.input(0));
  if (!value) return [];
  call.spend({ steps: elementCount(value.shape) * (1 + value.shape.length) });
  const strides = rowMajorStrides(value.shape);
  const found = toNumbers(value).flatMap((element, position) => (element ? [position] : []));
  const rows = value.shape.map((size, axis) =>
    found.map((position) => Math.floor(position / strides[axis]!) % size),
  );
  const shape = [rows.length, found.length];
  return [facts("int64", shape, fromNumbers("int64", shape, rows.flat()))];
}

export const Compress: ShapeRule = () => [];
export const Unique: ShapeRule = () => [];
