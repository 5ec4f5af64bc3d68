// Element types and devices, by libtorch's names and numbers (c10/core/ScalarType.h).

const codes = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
} as const;

/** Element type of a tensor. */
export type DType = keyof typeof codes;

/** Where a tensor lives. */
export type Device = "cpu" | `cuda:${number}`;

/** Memory formats, by libtorch's numbers (c10/core/MemoryFormat.h). */
export const memoryFormats = { contiguous: 0, preserve: 1, channelsLast: 2 } as const;

export type MemoryFormat = keyof typeof memoryFormats;

const names = new Map<number, DType>(
  Object.entries(codes).map(([name, code]) => [code, name as DType]),
);

/** libtorch's number of an element type, for operators that take a `ScalarType`. */
export function dtypeCode(dtype: DType): number {
  return codes[dtype];
}

/** Element type of libtorch's number. Throws for types that DeepObf has no use for. */
export function dtypeOf(code: number): DType {
  const name = names.get(code);
  if (name === undefined) throw new RangeError(`libtorch scalar type ${code} is not supported`);
  return name;
}
