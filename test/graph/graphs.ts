// Small graphs for the tests.
import type {
  Attribute,
  DataType,
  Dimension,
  Graph,
  Node,
  TensorData,
} from "../../src/graph/graph.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";

type AttributeValue = number | string | readonly number[] | Attribute;

/** Attributes from plain values: whole numbers are ints, other numbers floats. */
export function attributes(values: Record<string, AttributeValue>): Record<string, Attribute> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Attribute] => {
      if (typeof value === "string") return [name, { type: "string", value }];
      if (typeof value === "number") {
        return [name, { type: Number.isInteger(value) ? "int" : "float", value }];
      }
      if ("type" in value) return [name, value];
      return [name, { type: value.every(Number.isInteger) ? "ints" : "floats", value }];
    }),
  );
}

/** A node whose name is its first output. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: string | readonly string[],
  values: Record<string, AttributeValue> = {},
): Node {
  const names = typeof outputs === "string" ? [outputs] : outputs;
  return {
    name: names[0] ?? "",
    operator,
    domain: "",
    inputs,
    outputs: names,
    attributes: attributes(values),
  };
}

export function int64(...values: number[]): TensorData {
  return fromNumbers("int64", [values.length], values);
}

export function float32(shape: readonly number[], values?: readonly number[]): TensorData {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromNumbers("float32", shape, values ?? new Array<number>(count).fill(1));
}

interface GraphParts {
  inputs?: Record<string, readonly Dimension[] | { dtype: DataType; shape: readonly Dimension[] }>;
  initializers?: Record<string, TensorData>;
  nodes: readonly Node[];
  outputs: readonly string[];
  opset?: number;
}

export function graph({
  inputs = {},
  initializers = {},
  nodes,
  outputs,
  opset = 17,
}: GraphParts): Graph {
  return {
    name: "test",
    opset,
    inputs: Object.entries(inputs).map(([name, given]) =>
      "dtype" in given
        ? { name, ...given }
        : { name, dtype: "float32", shape: given as readonly Dimension[] },
    ),
    outputs: outputs.map((name) => ({ name, dtype: "float32", shape: undefined })),
    nodes,
    initializers: new Map(Object.entries(initializers)),
  };
}
