// AttributeProto to Attribute.
import { isFieldSet } from "@bufbuild/protobuf";
import { ModelError } from "../errors.ts";
import type { Attribute, Graph } from "../graph/graph.ts";
import type { ExternalData } from "./external.ts";
import { type AttributeProto, AttributeProtoSchema, type GraphProto } from "./generated/onnx_pb.ts";
import { quote } from "./problems.ts";
import { decodeTensor } from "./tensor.ts";
import { attributeTypes } from "./types.ts";

/** What reading an attribute needs. */
export interface AttributeContext {
  /** The node that has the attribute, for messages. */
  readonly owner: () => string;
  readonly external: ExternalData;
  readGraph(graph: GraphProto): Graph;
}

const { field } = AttributeProtoSchema;
const singleFields = [
  { type: attributeTypes.float, field: field.f },
  { type: attributeTypes.int, field: field.i },
  { type: attributeTypes.string, field: field.s },
  { type: attributeTypes.tensor, field: field.t },
  { type: attributeTypes.graph, field: field.g },
] as const;
const listFields = [
  { type: attributeTypes.floats, name: "floats" },
  { type: attributeTypes.ints, name: "ints" },
  { type: attributeTypes.strings, name: "strings" },
] as const;
const typeNames = new Map(
  Object.entries(attributeTypes).map(([name, type]) => [type as number, name]),
);

/**
 * The value of an attribute that has one of its own.
 * @throws ModelError for kinds that DeepObf does not support and for attributes that contradict themselves
 */
export function readAttribute(proto: AttributeProto, context: AttributeContext): Attribute {
  const label = () => `attribute ${quote(proto.name)} of ${context.owner()}`;
  checkKind(proto, label);
  switch (proto.type) {
    case attributeTypes.float:
      return { type: "float", value: proto.f };
    case attributeTypes.int:
      return { type: "int", value: safeInteger(proto.i) };
    case attributeTypes.string:
      return { type: "string", value: readText(proto.s, label) };
    case attributeTypes.tensor: {
      const { value } = decodeTensor(proto.t, { subject: label(), external: context.external });
      return { type: "tensor", value };
    }
    case attributeTypes.graph:
      if (proto.g === undefined) throw new ModelError(`${label()} has no graph`);
      return { type: "graph", value: context.readGraph(proto.g) };
    case attributeTypes.floats:
      return { type: "floats", value: proto.floats };
    case attributeTypes.ints:
      return { type: "ints", value: proto.ints.map(safeInteger) };
    default:
      return { type: "strings", value: proto.strings.map((text) => readText(text, label)) };
  }
}

/** Name of an attribute's kind, as `Attribute` calls it; undefined for those that it does not have. */
export function attributeKind(proto: AttributeProto): Attribute["type"] | undefined {
  return typeNames.get(proto.type) as Attribute["type"] | undefined;
}

function checkKind(proto: AttributeProto, label: () => string): void {
  if (proto.type === 0) throw new ModelError(`${label()} has no type`);
  if (attributeKind(proto) === undefined)
    throw new ModelError(
      `${label()} is of type ${proto.type}; only numbers, strings, tensors, graphs and lists of numbers or strings are supported`,
    );
  const isContradicted =
    singleFields.some((entry) => entry.type !== proto.type && isFieldSet(proto, entry.field)) ||
    listFields.some(({ type, name }) => type !== proto.type && proto[name].length > 0);
  if (isContradicted)
    throw new ModelError(`${label()} has more than one value; its type is ${attributeKind(proto)}`);
}

function readText(bytes: Uint8Array, label: () => string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ModelError(`${label()} is not UTF-8 text`);
  }
}

function safeInteger(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}
