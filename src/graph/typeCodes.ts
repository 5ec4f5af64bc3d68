// Element types by their numbers in a file: TensorProto.DataType of onnx.proto3.
import type { DataType } from "./graph.ts";
import { isFloat } from "./tensorData.ts";

/** Element types by their numbers. */
export const typeCodes: ReadonlyMap<number, DataType> = new Map([
  [1, "float32"],
  [2, "uint8"],
  [3, "int8"],
  [4, "uint16"],
  [5, "int16"],
  [6, "int32"],
  [7, "int64"],
  [9, "bool"],
  [10, "float16"],
  [11, "float64"],
  [12, "uint32"],
  [13, "uint64"],
  [16, "bfloat16"],
]);

const codes: ReadonlyMap<DataType, number> = new Map(
  [...typeCodes].map(([code, dtype]) => [dtype, code]),
);

/** The number of an element type. */
export function codeOf(dtype: DataType): number {
  return codes.get(dtype)!;
}

/** Whether a number is that of a float type. */
export function isFloatCode(code: number): boolean {
  const dtype = typeCodes.get(code);
  return dtype !== undefined && isFloat(dtype);
}
