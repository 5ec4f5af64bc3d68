// Element types by their numbers in a file.
import type { DataType } from "../graph.ts";
import type { Call } from "./call.ts";

/** TensorProto.DataType of onnx.proto3. */
export const typeCodes: Readonly<Record<number, DataType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};

/** The element type that an attribute such as `to` or `dtype` names by its number. */
export function elementType(call: Call, name: string): DataType | undefined {
  const code = call.int(name);
  if (code === undefined) return undefined;
  return (
    typeCodes[code] ?? call.fail(`"${name}" is ${code}, an element type that is not supported`)
  );
}
