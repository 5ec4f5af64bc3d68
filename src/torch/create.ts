// New tensors: from typed arrays (one copy), or filled by libtorch.
import { native } from "./native.ts";
import { operator } from "./operator.ts";
import { Tensor, type TypedArray } from "./tensor.ts";
import { type Device, type DType, dtypeCode } from "./types.ts";

export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: Device;
}

const dtypeOfArray: Readonly<Record<string, DType>> = {
  Uint8Array: "uint8",
  Int8Array: "int8",
  Int16Array: "int16",
  Int32Array: "int32",
  BigInt64Array: "int64",
  Float32Array: "float32",
  Float64Array: "float64",
};

/**
 * A tensor with a copy of these elements in row-major order. A plain array of numbers becomes float32
 * unless `dtype` says otherwise; a typed array keeps its type. `shape` is that of a vector by default.
 * Throws TypeError for a typed array that has no tensor type.
 */
export function tensor(
  data: TypedArray | readonly number[],
  options: TensorOptions & { readonly shape?: readonly number[] } = {},
): Tensor {
  const array = ArrayBuffer.isView(data) ? data : Float64Array.from(data);
  const from = dtypeOfArray[array.constructor.name];
  if (from === undefined) {
    throw new TypeError(
      `expected a typed array with a tensor type, received ${array.constructor.name}`,
    );
  }
  const to = options.dtype ?? (ArrayBuffer.isView(data) ? from : "float32");
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const shape = options.shape ?? [array.length];
  const made = fromBytes(bytes, { shape, dtype: from });
  return made.to({ dtype: to, ...(options.device && { device: options.device }) });
}

/** A tensor with a copy of these little-endian elements in row-major order. */
export function fromBytes(
  bytes: Uint8Array,
  options: { readonly shape: readonly number[]; readonly dtype: DType; readonly device?: Device },
): Tensor {
  const made = new Tensor(native.fromBytes(bytes, options.shape, dtypeCode(options.dtype)));
  return options.device === undefined || options.device === "cpu"
    ? made
    : made.to({ device: options.device });
}

const atenFull = operator("aten::full");
const atenArange = operator("aten::arange.start_step");
const atenRandn = operator("aten::randn");

/** A tensor of this shape, every element `value`; float32 on the CPU by default. */
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  return atenFull(shape, value, ...layout(options));
}

export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** The numbers start, start + step, ... below `end`; int64 by default. */
export function arange(
  start: number,
  end: number,
  options: TensorOptions & { readonly step?: number } = {},
): Tensor {
  return atenArange(start, end, options.step ?? 1, ...layout({ dtype: "int64", ...options }));
}

/** Normally distributed elements from libtorch's generator (see `manualSeed`). */
export function randn(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return atenRandn(shape, ...layout(options));
}

/** The arguments dtype, layout, device and pin_memory that every factory operator takes. */
function layout(options: TensorOptions): [number, null, Device, null] {
  return [dtypeCode(options.dtype ?? "float32"), null, options.device ?? "cpu", null];
}
