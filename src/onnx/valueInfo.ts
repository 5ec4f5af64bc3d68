// ValueInfoProto (name, element type and shape of an input or output) to ValueInfo.

import { ModelError } from "../errors.ts";
import type { Dimension, ValueInfo } from "../graph/graph.ts";
import { isVisible } from "../text.ts";
import type { TensorShapeProto, ValueInfoProto } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { quote } from "./problems.ts";
import { readDataType } from "./types.ts";

/**
 * Reads an input or output. An output may lack its type, which follows from the nodes; float32 stands in for it.
 * @throws ModelError where it is no tensor, its type is not supported, or that of an input is missing
 */
export function readValueInfo(proto: ValueInfoProto, side: "input" | "output"): ValueInfo {
  const label = `${side} ${quote(proto.name)}`;
  const value = proto.type?.value;
  if (value?.case === undefined) {
    if (side === "output") return { name: proto.name, dtype: "float32", shape: undefined };
    throw new ModelError(`${label} has no type`);
  }
  if (value.case !== "tensorType")
    throw new ModelError(
      `${label} is a ${value.case.replace("Type", "")}; only tensors are supported`,
    );
  return {
    name: proto.name,
    dtype: readDataType(value.value.elemType, label),
    shape: value.value.shape && readShape(value.value.shape, label),
  };
}

function readShape({ dim }: TensorShapeProto, label: string): Dimension[] {
  if (dim.length > limits.rank)
    throw new ModelError(
      `${label} has ${dim.length} dimensions; at most ${limits.rank} are allowed`,
    );
  return dim.map(({ value }) => {
    if (value.case === undefined) return "";
    if (value.case === "dimParam") {
      if (!isVisible(value.value))
        throw new ModelError(`${label} has control characters in the name of a dimension`);
      return value.value;
    }
    // Some exporters write -1 for a size that is not known.
    if (value.value === -1n) return "";
    if (value.value < 0n || value.value > BigInt(limits.tensorBytes))
      throw new ModelError(`${label} has the impossible size ${value.value}`);
    return Number(value.value);
  });
}
