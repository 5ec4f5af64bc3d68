// Building and reading constant tensors (TensorData): typed views without a copy where the bytes
// are aligned, and plain numbers whatever the element type.
import { type DataType, elementSize, type TensorData } from "./graph.ts";

const views = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

type TypedView = InstanceType<(typeof views)[DataType]>;

/** Whether the elements are floating point numbers. */
export function isFloat(dtype: DataType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

/**
 * The elements as the typed array of their type: 64-bit integers as big integers, 16-bit floats as
 * their bits, booleans as bytes. Shares memory with `data` unless its bytes are not aligned.
 */
export function typedView({ dtype, data }: TensorData): TypedView {
  const size = elementSize[dtype];
  const aligned = data.byteOffset % size === 0 ? data : data.slice();
  return new views[dtype](
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / size),
  );
}

/** A tensor over the memory of a Float32Array. */
export function fromFloat32(shape: readonly number[], values: Float32Array): TensorData {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { dtype: "float32", shape, data };
}

/**
 * A tensor with the given elements; 64-bit integers saturate, smaller ones wrap around, floats are
 * rounded to the nearest, ties to even.
 */
export function fromNumbers(
  dtype: DataType,
  shape: readonly number[],
  values: ArrayLike<number>,
): TensorData {
  const data = new Uint8Array(values.length * elementSize[dtype]);
  const view = typedView({ dtype, shape, data });
  if (view instanceof BigInt64Array) {
    for (let i = 0; i < values.length; i++) view[i] = saturate(values[i]!, int64Range);
  } else if (view instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) view[i] = saturate(values[i]!, uint64Range);
  } else if (dtype === "bool") {
    for (let i = 0; i < values.length; i++) view[i] = values[i] ? 1 : 0;
  } else if (dtype === "float16") {
    for (let i = 0; i < values.length; i++) view[i] = encodeFloat16(values[i]!);
  } else if (dtype === "bfloat16") {
    const words = new Uint32Array(Float32Array.from(values).buffer);
    for (let i = 0; i < words.length; i++) view[i] = encodeBfloat16(words[i]!);
  } else {
    view.set(values);
  }
  return { dtype, shape, data };
}

/** The elements as numbers. 64-bit integers beyond the safe range are rounded. */
export function toNumbers(tensor: TensorData): number[] {
  const view = typedView(tensor);
  if (view instanceof BigInt64Array || view instanceof BigUint64Array) {
    return Array.from<bigint, number>(view, Number);
  }
  if (tensor.dtype === "float16") return Array.from(view, decodeFloat16);
  if (tensor.dtype === "bfloat16") return Array.from(decodeBfloat16(view as Uint16Array));
  return Array.from(view);
}

/** The elements as 32-bit floats; shares memory with `tensor` where it holds aligned float32. */
export function toFloat32(tensor: TensorData): Float32Array {
  const view = typedView(tensor);
  if (view instanceof Float32Array) return view;
  if (tensor.dtype === "bfloat16") return decodeBfloat16(view as Uint16Array);
  return Float32Array.from(toNumbers(tensor));
}

/** The elements of `tensor` at the given flat positions, as a tensor of another shape. */
export function pick(
  tensor: TensorData,
  positions: ArrayLike<number>,
  shape: readonly number[],
): TensorData {
  const size = elementSize[tensor.dtype];
  const data = new Uint8Array(positions.length * size);
  for (let i = 0; i < positions.length; i++) {
    const from = positions[i]! * size;
    for (let byte = 0; byte < size; byte++) data[i * size + byte] = tensor.data[from + byte]!;
  }
  return { dtype: tensor.dtype, shape, data };
}

/** The nearest integer, of two the even one, as ONNX rounds. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const int64Range = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const uint64Range = [0n, 2n ** 64n - 1n] as const;

function saturate(value: number, [least, greatest]: readonly [bigint, bigint]): bigint {
  if (value >= Number(greatest)) return greatest;
  return value <= Number(least) ? least : BigInt(Math.trunc(value));
}

// Numbers are multiples of a step that doubles with every power of two, 2^-24 below 2^-13.
function encodeFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const steps = magnitude / 2 ** (exponent - 10);
  const [whole, rest] = [Math.floor(steps), steps % 1];
  const isUp = rest > 0.5 || (rest === 0.5 && whole % 2 === 1);
  return sign | ((exponent + 14) * 1024 + whole + (isUp ? 1 : 0));
}

// From the bits of a float32.
function encodeBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function decodeFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// A bfloat16 is the upper half of a float32.
function decodeBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}
