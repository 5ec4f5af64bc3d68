// ONNX messages for the tests, written field by field, so that they can hold what no writer would write.
// Field numbers: src/onnx/schema/onnx.proto.

type FieldValue = number | bigint | string | Uint8Array | { readonly float: number };
export type Field = readonly [number: number, value: FieldValue];

/** A serialized message. Numbers become varints, `{float}` 32-bit floats, all else length-delimited. */
export function message(...fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === "number" || typeof value === "bigint")
        return [varint(number << 3), varint(value)];
      if (typeof value === "object" && "float" in value)
        return [varint((number << 3) | 5), bytesOf(Float32Array.of(value.float))];
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      return [varint((number << 3) | 2), varint(bytes.length), bytes];
    }),
  );
}

export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export function packed(values: readonly (number | bigint)[]): Uint8Array {
  return Buffer.concat(values.map(varint));
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function floats(...values: number[]): Uint8Array {
  return bytesOf(Float32Array.from(values));
}

const repeat = (number: number, values: readonly (string | Uint8Array)[]): Field[] =>
  values.map((value) => [number, value]);

export interface ModelParts {
  readonly graph?: Uint8Array;
  readonly ir?: number | bigint;
  readonly opsets?: readonly Uint8Array[];
  readonly functions?: readonly Uint8Array[];
}

/** ModelProto; without arguments a sound model of one Relu node. */
export function model(parts: ModelParts = {}): Uint8Array {
  return message(
    [1, parts.ir ?? 8],
    ...repeat(8, parts.opsets ?? [opset("", 17)]),
    [7, parts.graph ?? graph()],
    ...repeat(25, parts.functions ?? []),
  );
}

export const opset = (domain: string, version: number | bigint) =>
  message([1, domain], [2, version]);

export interface GraphProtoParts {
  readonly nodes?: readonly Uint8Array[];
  readonly inputs?: readonly Uint8Array[];
  readonly outputs?: readonly Uint8Array[];
  readonly initializers?: readonly Uint8Array[];
  readonly more?: readonly Field[];
}

/** GraphProto; by default x -> Relu -> y. */
export function graph(parts: GraphProtoParts = {}): Uint8Array {
  return message(
    ...repeat(1, parts.nodes ?? [node("Relu", ["x"], ["y"])]),
    [2, "g"],
    ...repeat(5, parts.initializers ?? []),
    ...repeat(11, parts.inputs ?? [value("x", [2])]),
    ...repeat(12, parts.outputs ?? [value("y", [2])]),
    ...(parts.more ?? []),
  );
}

/** ModelProto of this graph. */
export const withGraph = (parts: GraphProtoParts) => model({ graph: graph(parts) });

export interface NodeProtoParts {
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: readonly Uint8Array[];
}

export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  parts: NodeProtoParts = {},
): Uint8Array {
  return message(
    ...repeat(1, inputs),
    ...repeat(2, outputs),
    [3, parts.name ?? ""],
    [4, operator],
    ...repeat(5, parts.attributes ?? []),
    [7, parts.domain ?? ""],
  );
}

/** ValueInfoProto of a tensor; a text is a symbolic size. */
export function value(
  name: string,
  shape: readonly (number | bigint | string)[],
  type = 1,
): Uint8Array {
  const sizes = shape.map((size) => message(typeof size === "string" ? [2, size] : [1, size]));
  const tensor = message([1, type], [2, message(...repeat(1, sizes))]);
  return message([1, name], [2, message([1, tensor])]);
}

/** TensorProto of a type and shape, with its data as further fields. */
export function tensor(
  name: string,
  { type = 1, dims = [] }: { type?: number; dims?: readonly (number | bigint)[] },
  ...data: readonly Field[]
): Uint8Array {
  return message(...dims.map((size): Field => [1, size]), [2, type], [8, name], ...data);
}

/** A float initializer of one element. */
export const scalar = (name: string) => tensor(name, {}, [9, floats(1)]);

/** AttributeProto: its type's number and the field that holds the value. */
export function attribute(name: string, type: number, ...data: readonly Field[]): Uint8Array {
  return message([1, name], ...data, [20, type]);
}

export interface FunctionParts {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Uint8Array[];
  readonly attributes?: readonly string[];
  readonly defaults?: readonly Uint8Array[];
  readonly opset?: number;
}

/** FunctionProto of domain "local". */
export function functionProto(name: string, parts: FunctionParts): Uint8Array {
  return message(
    [1, name],
    ...repeat(4, parts.inputs),
    ...repeat(5, parts.outputs),
    ...repeat(6, parts.attributes ?? []),
    ...repeat(11, parts.defaults ?? []),
    ...repeat(7, parts.nodes),
    [9, opset("", parts.opset ?? 17)],
    [9, opset("local", 1)],
    [10, "local"],
  );
}
