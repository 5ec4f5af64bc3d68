// Operators that change how elements are arranged, not what they are.
import { counted } from "../../text.ts";
import { type DataType, elementCount, type TensorData } from "../graph.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { type Call, describe, facts, type ShapeRule, type TensorFacts } from "./call.ts";
import { elementType } from "./elementType.ts";
import {
  broadcast,
  broadcastPositions,
  constantOf,
  fold,
  rearranged,
  rowMajorStrides,
  smallValue,
  stridedPositions,
} from "./folding.ts";

export const Identity: ShapeRule = (call) => [call.input(0)];

/** In inference it passes its input on; the second output is the mask, all true. */
export function Dropout(call: Call) {
  const x = call.input(0);
  return [x, facts(call.opset < 10 ? x.dtype : "bool", x.shape)];
}

export function Reshape(call: Call) {
  const [x, target] = [call.input(0), call.integers(1)];
  const allowZero = (call.int("allowzero") ?? 0) !== 0;
  const shape = target.map((size, axis) => {
    if (size !== 0 || allowZero) return size;
    return x.shape[axis] ?? call.fail(`size 0 of [${target}] stands for no axis of ${describe(x)}`);
  });
  const free = shape.indexOf(-1);
  if (free >= 0) {
    const rest = -elementCount(shape);
    shape[free] = rest === 0 ? 0 : elementCount(x.shape) / rest;
  }
  const valid = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!valid || elementCount(shape) !== elementCount(x.shape)) {
    call.fail(`${describe(x)} cannot take the shape [${target}]`);
  }
  return [reshaped(x, shape)];
}

export function Flatten(call: Call) {
  const x = call.input(0);
  const given = call.int("axis") ?? 1;
  const axis = given === x.shape.length ? given : call.axis(given, x.shape.length);
  return [reshaped(x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))])];
}

export function Squeeze(call: Call) {
  const x = call.input(0);
  const given = call.integersSince(13, "axes", 1);
  const axes = given && call.axes(given, x.shape.length);
  for (const axis of axes ?? []) {
    if (x.shape[axis] !== 1) call.fail(`axis ${axis} of ${describe(x)} is not of size 1`);
  }
  return [
    reshaped(
      x,
      x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)),
    ),
  ];
}

export function Unsqueeze(call: Call) {
  const x = call.input(0);
  const given = call.integersSince(13, "axes", 1) ?? call.fail(`"axes" is missing`);
  const axes = call.axes(given, x.shape.length + given.length);
  const shape = [...x.shape];
  for (const axis of axes.sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return [reshaped(x, shape)];
}

export function Transpose(call: Call) {
  const x = call.input(0);
  const order = call.ints("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  if (order.length !== x.shape.length) call.fail(`"perm" [${order}] does not fit ${describe(x)}`);
  const axes = call.axes(order, x.shape.length);
  const shape = axes.map((axis) => x.shape[axis]!);
  const strides = rowMajorStrides(x.shape);
  const reordered = axes.map((axis) => strides[axis]!);
  return [rearranged(call, x, shape, () => stridedPositions(shape, reordered))];
}

export function Expand(call: Call) {
  const [x, target] = [call.input(0), call.integers(1)];
  const shape = broadcast(call, [x, facts(x.dtype, target)]);
  return [rearranged(call, x, shape, () => broadcastPositions(x.shape, shape))];
}

export function Tile(call: Call) {
  const [x, repeats] = [call.input(0), call.integers(1)];
  if (repeats.length !== x.shape.length || repeats.some((count) => count < 0)) {
    call.fail(`repeats [${repeats}] do not fit ${describe(x)}`);
  }
  return [
    facts(
      x.dtype,
      x.shape.map((size, axis) => size * repeats[axis]!),
    ),
  ];
}

export function Concat(call: Call) {
  const inputs = call.variadic();
  const first = inputs[0]!;
  const axis = call.axis(call.int("axis") ?? call.fail(`"axis" is missing`), first.shape.length);
  const outline = ({ dtype, shape }: TensorFacts) => `${dtype} ${shape.with(axis, -1)}`;
  for (const other of inputs) {
    if (other.shape.length !== first.shape.length || outline(other) !== outline(first)) {
      call.fail(
        `${describe(first)} and ${describe(other)} must be alike in all axes but axis ${axis}`,
      );
    }
  }
  const total = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const shape = first.shape.with(axis, total);
  const output = { dtype: first.dtype, shape };
  const values = inputs.map(smallValue);
  const isKnown = values.every((value) => value !== undefined);
  const compute = () => concatenated(values as TensorData[], axis, output);
  return [facts(first.dtype, shape, isKnown ? fold(call, output, { compute }) : undefined)];
}

function concatenated(
  inputs: readonly TensorData[],
  axis: number,
  { dtype, shape }: { dtype: DataType; shape: readonly number[] },
): TensorData {
  const outer = elementCount(shape.slice(0, axis));
  const parts = inputs.filter(({ data }) => data.length > 0);
  const chunks = Array.from({ length: outer }, (_, row) =>
    parts.map(({ data }) =>
      data.subarray((data.length / outer) * row, (data.length / outer) * (row + 1)),
    ),
  );
  return { dtype, shape, data: new Uint8Array(Buffer.concat(chunks.flat())) };
}

/** Sizes are an attribute before version 13, an input then, or follow from the number of outputs. */
export function Split(call: Call) {
  const x = call.input(0);
  const axis = call.axis(call.int("axis") ?? 0, x.shape.length);
  const parts = call.node.outputs.length;
  const size = x.shape[axis]!;
  const even = Math.ceil(size / parts);
  if (size % parts !== 0 && call.opset < 18 && !call.integersSince(13, "split", 1)) {
    call.fail(
      `${counted(size, "element")} of axis ${axis} cannot be divided into ${counted(parts, "equal part")}`,
    );
  }
  const sizes =
    call.integersSince(13, "split", 1) ??
    Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(even, size - i * even)));
  if (sizes.some((part) => part < 0) || sizes.reduce((sum, part) => sum + part, 0) !== size) {
    call.fail(`parts [${sizes}] do not make up the ${counted(size, "element")} of axis ${axis}`);
  }
  const strides = rowMajorStrides(x.shape);
  let start = 0;
  return sizes.map((part) => {
    const shape = x.shape.with(axis, part);
    const offset = start * strides[axis]!;
    start += part;
    return rearranged(call, x, shape, () => stridedPositions(shape, strides, offset));
  });
}

/** Amounts are an attribute before version 11, an input from then on; axes an input since 18. */
export function Pad(call: Call) {
  const x = call.input(0);
  const pads = call.integersSince(11, "pads", 1) ?? call.fail(`"pads" is missing`);
  const axes = call.optional(3)
    ? call.axes(call.integers(3), x.shape.length)
    : x.shape.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length) {
    call.fail(`"pads" must have ${counted(2 * axes.length, "value")}, but has ${pads.length}`);
  }
  const shape = [...x.shape];
  axes.forEach((axis, i) => {
    shape[axis] = shape[axis]! + pads[i]! + pads[i + axes.length]!;
  });
  if (shape.some((size) => size < 0))
    call.fail(`pads [${pads}] take more away than ${describe(x)} has`);
  return [facts(x.dtype, shape)];
}

export function DepthToSpace(call: Call) {
  const [x, block] = blocks(call);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  if (channels % block ** 2 !== 0)
    call.fail(`${counted(channels, "channel")} cannot fill blocks of ${block}`);
  return [facts(x.dtype, [batch, channels / block ** 2, height * block, width * block])];
}

export function SpaceToDepth(call: Call) {
  const [x, block] = blocks(call);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  if (height % block || width % block) call.fail(`${describe(x)} does not fit blocks of ${block}`);
  return [facts(x.dtype, [batch, channels * block ** 2, height / block, width / block])];
}

function blocks(call: Call): [TensorFacts, number] {
  const x = call.input(0);
  const block = call.int("blocksize") ?? call.fail(`"blocksize" is missing`);
  if (x.shape.length !== 4) call.fail(`the input must have 4 axes, but is ${describe(x)}`);
  if (block < 1) call.fail(`"blocksize" must be positive, but is ${block}`);
  return [x, block];
}

/** The slice [start, end) of the sizes (since version 15). */
export function Shape(call: Call) {
  const { shape } = call.input(0);
  const sizes = shape.slice(call.int("start") ?? 0, call.int("end") ?? shape.length);
  return [facts("int64", [sizes.length], fromNumbers("int64", [sizes.length], sizes))];
}

export function Size(call: Call) {
  const count = elementCount(call.input(0).shape);
  return [facts("int64", [], fromNumbers("int64", [], [count]))];
}

export function Cast(call: Call) {
  return [converted(call, elementType(call, "to") ?? call.fail(`"to" is missing`))];
}

export function CastLike(call: Call) {
  return [converted(call, call.input(1).dtype)];
}

function converted(call: Call, dtype: DataType): TensorFacts {
  const x = call.input(0);
  if (x.dtype === dtype) return x;
  const value = smallValue(x);
  if (!value) return facts(dtype, x.shape);
  const compute = () => {
    const numbers = toNumbers(value);
    const isInteger = /int/.test(dtype);
    return constantOf(dtype, x.shape, isInteger ? numbers.map(Math.trunc) : numbers);
  };
  return facts(dtype, x.shape, fold(call, { dtype, shape: x.shape }, { compute }));
}

/** The same elements under another shape. */
function reshaped(x: TensorFacts, shape: readonly number[]): TensorFacts {
  return facts(x.dtype, shape, x.value && { ...x.value, shape });
}
