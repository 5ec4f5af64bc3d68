// Graph to ModelProto: raw data, the versions that belong to the graph's opset, and nothing that the graph does not
// say: no producer, no metadata, no documentation.
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelError } from "../errors.ts";
import {
  type Attribute,
  describeNode,
  elementCount,
  elementSize,
  type Graph,
  type Node,
  type TensorData,
  type ValueInfo,
} from "../graph/graph.ts";
import { codeOf } from "../graph/typeCodes.ts";
import {
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { orderGraph } from "./order.ts";
import { Problems, quote } from "./problems.ts";
import { attributeTypes } from "./types.ts";
import { irVersion, opsets } from "./versions.ts";

/** Of ONNX Runtime's own operators, which have one version. */
const runtimeDomain = "com.microsoft";

/**
 * Serializes a graph as an ONNX model: IR version 8 for opset 17, raw data, producer fields empty.
 * @throws ModelError for a graph that contradicts itself, and for what ONNX cannot hold
 */
export function encodeModel(graph: Graph): Uint8Array {
  if (graph.opset < opsets.oldest || graph.opset > opsets.newest)
    throw new ModelError(
      `the graph has opset ${graph.opset}; opsets ${opsets.oldest} to ${opsets.newest} can be written`,
    );
  const problems = new Problems();
  const ordered = orderGraph(graph, problems);
  problems.throwIfAny();
  const bytes = countTensorBytes(graph);
  if (bytes > limits.fileBytes)
    throw new ModelError(
      `the graph holds ${bytes} bytes of tensors; an ONNX file holds at most ${limits.fileBytes}`,
    );
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(irVersion(graph.opset)),
      opsetImport: [
        { domain: "", version: BigInt(graph.opset) },
        ...(graph.nodes.some(({ domain }) => domain === runtimeDomain)
          ? [{ domain: runtimeDomain, version: 1n }]
          : []),
      ],
      graph: encodeGraph(ordered),
    }),
  );
}

function countTensorBytes(graph: Graph): number {
  let bytes = 0;
  for (const { data } of graph.initializers.values()) bytes += data.length;
  for (const node of graph.nodes)
    for (const attribute of Object.values(node.attributes))
      if (attribute.type === "tensor") bytes += attribute.value.data.length;
      else if (attribute.type === "graph") bytes += countTensorBytes(attribute.value);
  return bytes;
}

function encodeGraph(graph: Graph): MessageInitShape<typeof GraphProtoSchema> {
  return {
    // ONNX demands a name.
    name: graph.name || "graph",
    node: graph.nodes.map(encodeNode),
    initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(tensor, name)),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
  };
}

function encodeNode(node: Node): MessageInitShape<typeof NodeProtoSchema> {
  if (node.domain !== "" && node.domain !== runtimeDomain)
    throw new ModelError(
      `${describeNode(node)} is of domain ${quote(node.domain)}; only standard operators and those of ${runtimeDomain} ` +
        "can be written",
    );
  return {
    ...(node.name === "" ? {} : { name: node.name }),
    opType: node.operator,
    ...(node.domain === "" ? {} : { domain: node.domain }),
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) =>
      encodeAttribute(attribute, name, node),
    ),
  };
}

function encodeAttribute(
  attribute: Attribute,
  name: string,
  node: Node,
): MessageInitShape<typeof AttributeProtoSchema> {
  const label = () => `attribute ${quote(name)} of ${describeNode(node)}`;
  const header = { name, type: attributeTypes[attribute.type] };
  switch (attribute.type) {
    case "float":
      return { ...header, f: encodeFloat(attribute.value, label) };
    case "int":
      return { ...header, i: encodeInteger(attribute.value, label) };
    case "string":
      return { ...header, s: Buffer.from(attribute.value) };
    case "tensor":
      return { ...header, t: encodeTensor(attribute.value, "", label) };
    case "graph":
      return { ...header, g: encodeGraph(attribute.value) };
    case "floats":
      return { ...header, floats: attribute.value.map((value) => encodeFloat(value, label)) };
    case "ints":
      return { ...header, ints: attribute.value.map((value) => encodeInteger(value, label)) };
    case "strings":
      return { ...header, strings: attribute.value.map((text) => Buffer.from(text)) };
  }
}

function encodeFloat(value: number, label: () => string): number {
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded))
    throw new ModelError(`${label()} is ${value}, which is too large for a 32-bit float`);
  return rounded;
}

function encodeInteger(value: number, label: () => string): bigint {
  if (!Number.isSafeInteger(value)) throw new ModelError(`${label()} is ${value}, not an integer`);
  return BigInt(value);
}

function encodeTensor(
  { dtype, shape, data }: TensorData,
  name: string,
  label = () => `initializer ${quote(name)}`,
): Uint8Array {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new ModelError(`${label()}: [${shape.join(", ")}] is not a possible shape`);
  const size = elementCount(shape) * elementSize[dtype];
  if (data.length !== size)
    throw new ModelError(
      `${label()}: the data have ${data.length} bytes, but ${dtype} [${shape.join(", ")}] needs ${size}`,
    );
  return toBinary(
    TensorProtoSchema,
    create(TensorProtoSchema, {
      ...(name === "" ? {} : { name }),
      dataType: codeOf(dtype),
      dims: shape.map(BigInt),
      rawData: data,
    }),
  );
}

function encodeValueInfo({
  name,
  dtype,
  shape,
}: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape?.map((size) => encodeDimension(size, name));
  return {
    name,
    type: {
      value: {
        case: "tensorType",
        value: { elemType: codeOf(dtype), ...(dim === undefined ? {} : { shape: { dim } }) },
      },
    },
  };
}

function encodeDimension(size: number | string, name: string) {
  if (size === "") return {};
  if (typeof size === "string") return { value: { case: "dimParam", value: size } } as const;
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ModelError(`${quote(name)} has the impossible size ${size}`);
  return { value: { case: "dimValue", value: BigInt(size) } } as const;
}
