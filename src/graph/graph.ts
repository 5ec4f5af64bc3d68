// The one representation of a network: a graph with the semantics of ONNX. Graphs are immutable
// values; a rewrite returns a new one.
import { escapeInvisible, shorten } from "../text.ts";

/** Element types, by their names in NumPy. */
export type DataType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

/** Bytes of one element. */
export const elementSize: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

/** A constant tensor: little-endian elements in row-major order. `data` is never modified. */
export interface TensorData {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** An attribute of a node. 64-bit integers are held as numbers, clamped to the safe integers. */
export type Attribute =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: TensorData }
  | { readonly type: "graph"; readonly value: Graph }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] };

/** One operator call. An omitted optional input or output is the empty string. */
export interface Node {
  readonly name: string;
  /** Operator type as ONNX spells it, such as `Conv`. */
  readonly operator: string;
  /** Operator domain; the standard one is the empty string. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A size that is known, or the name of one that is not (empty where it has no name). */
export type Dimension = number | string;

/** Name, type and shape of an input or output. `shape` is undefined where the file gives no rank. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly Dimension[] | undefined;
}

/** A network. `nodes` are in topological order; every tensor name is defined once. */
export interface Graph {
  readonly name: string;
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Inputs without those that have an initializer. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, TensorData>;
}

/** A network, and the model file that holds it. */
export interface GraphFile {
  readonly graph: Graph;
  readonly path: string;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The operator of a node with its domain, which the standard one has not. */
export function operatorName({ operator, domain }: Node): string {
  return domain === "" ? operator : `${domain}.${operator}`;
}

/** Node as an error message names it, escaped: operator and name, or its first output where it has none. */
export function describeNode({ operator, name, outputs: [output = ""] }: Node): string {
  return escapeInvisible(`${shorten(operator)} node "${shorten(name || output)}"`);
}
