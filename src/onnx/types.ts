// The element types of a file that are read, and ONNX's numbers for kinds of attributes (AttributeProto.AttributeType).
import { ModelError } from "../errors.ts";
import type { DataType } from "../graph/graph.ts";
import { typeCodes } from "../graph/typeCodes.ts";

const unsupportedDataTypes: Readonly<Record<number, string>> = {
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
  24: "float8e8m0",
  25: "uint2",
  26: "int2",
};

/** Kinds of attributes. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/**
 * Element type of an ONNX number.
 * @param subject what has this type, for the message
 * @throws ModelError for types that DeepObf does not support, and for numbers that mean nothing
 */
export function readDataType(code: number, subject: string): DataType {
  const dtype = typeCodes.get(code);
  if (dtype !== undefined) return dtype;
  if (code === 0) throw new ModelError(`${subject} has no element type`);
  const name = unsupportedDataTypes[code];
  if (name === undefined) throw new ModelError(`${subject} has the unknown element type ${code}`);
  throw new ModelError(`${subject} has element type ${name}, which is not supported`);
}
