// ONNX models for the tests, written by hand in the protobuf wire format, so that they can hold what
// our own writer never would. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

type Value = number | string | Uint8Array;

/** One protobuf message: pairs of field number and value. */
export function message(...fields: (readonly [number, Value])[]): Uint8Array {
  const parts = fields.map(([number, value]) => {
    if (typeof value === "number") return Buffer.concat([varint(number << 3), varint(value)]);
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
  });
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const types = { float32: 1, int64: 7, bool: 9, float16: 10 };

/** A tensor input or output; a text size is symbolic. */
export function value(
  name: string,
  shape: readonly (number | string)[],
  type: keyof typeof types = "float32",
): Uint8Array {
  const sizes = shape.map((size) => message(typeof size === "number" ? [1, size] : [2, size]));
  const shapeProto = message(...sizes.map((size) => [1, size] as const));
  const tensor = message([1, types[type]], [2, shapeProto]);
  return message([1, name], [2, message([1, tensor])]);
}

export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  options: { domain?: string; attributes?: readonly Uint8Array[] } = {},
): Uint8Array {
  return message(
    ...inputs.map((input) => [1, input] as const),
    ...outputs.map((output) => [2, output] as const),
    [4, operator],
    ...(options.attributes ?? []).map((attribute) => [5, attribute] as const),
    [7, options.domain ?? ""],
  );
}

export function ints(name: string, values: readonly number[]): Uint8Array {
  return message([1, name], ...values.map((item) => [8, item] as const), [20, 7]);
}

export function floatInitializer(
  name: string,
  shape: readonly number[],
  values: readonly number[],
): Uint8Array {
  const raw = new Uint8Array(Float32Array.from(values).buffer);
  return message(...shape.map((size) => [1, size] as const), [2, 1], [8, name], [9, raw]);
}

export interface GraphParts {
  readonly nodes: readonly Uint8Array[];
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
  readonly initializers?: readonly Uint8Array[];
  readonly functions?: readonly Uint8Array[];
}

/** A model of opset 17, with local functions in the domain "local". */
export function model(parts: GraphParts): Uint8Array {
  const graph = message(
    ...parts.nodes.map((item) => [1, item] as const),
    [2, "graph"],
    ...(parts.initializers ?? []).map((item) => [5, item] as const),
    ...parts.inputs.map((item) => [11, item] as const),
    ...parts.outputs.map((item) => [12, item] as const),
  );
  return message(
    [1, 8],
    [7, graph],
    [8, opset("", 17)],
    [8, opset("local", 1)],
    ...(parts.functions ?? []).map((item) => [25, item] as const),
  );
}

/** `depth` local functions, each of which calls the next one: ONNX Runtime overflows its stack. */
export function functionChain(depth: number): Uint8Array {
  const functions = Array.from({ length: depth }, (_, index) => {
    const last = index === depth - 1;
    const body = last
      ? node("Relu", ["x"], ["y"])
      : node(`f${index + 1}`, ["x"], ["y"], { domain: "local" });
    return message(
      [1, `f${index}`],
      [4, "x"],
      [5, "y"],
      [7, body],
      [9, opset("", 17)],
      [9, opset("local", 1)],
      [10, "local"],
    );
  });
  return model({
    nodes: [node("f0", ["x"], ["y"], { domain: "local" })],
    inputs: [value("x", [1])],
    outputs: [value("y", [1])],
    functions,
  });
}

function opset(domain: string, version: number): Uint8Array {
  return message([1, domain], [2, version]);
}
