// Other float types become float32: chains are trained and shipped in it, and weights of one type cannot
// stand behind maps of another.
import { attribute, int } from "../attributes.ts";
import type { Attribute, DataType, Graph, Node, TensorData, ValueInfo } from "../graph.ts";
import { passOn } from "../operation.ts";
import { inferShapes } from "../shapes.ts";
import { fromFloat32, isFloat, toFloat32 } from "../tensorData.ts";
import { codeOf, isFloatCode } from "../typeCodes.ts";
import { removeIdentities } from "./identities.ts";

/** Attributes that name an element type by its number. */
const typeAttributes = ["to", "dtype", "output_dtype", "stash_type", "softmax_precision"] as const;

/**
 * The graph with all floats in float32, inputs, outputs and weights: what it computes, but for the
 * rounding of shorter types. Casts between float types disappear. Throws ModelError where shapes
 * contradict each other.
 */
export function toFloat32Graph(graph: Graph): Graph {
  const converted = widenFloats(graph);
  const facts = inferShapes(converted);
  const typeOf = (name: string | undefined) => facts.get(name ?? "")?.dtype;
  const nodes = converted.nodes.map((node) => {
    const isCast = node.domain === "" && ["Cast", "CastLike"].includes(node.operator);
    const isIdle = isCast && typeOf(node.inputs[0]) === typeOf(node.outputs[0]);
    return isIdle && typeOf(node.outputs[0]) === "float32" ? passOn(node) : node;
  });
  return removeIdentities({ ...converted, nodes });
}

/** The graph with all floats in float32, its casts between float types still there: no shapes have to be known. */
export function widenFloats(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(convertInfo),
    outputs: graph.outputs.map(convertInfo),
    nodes: graph.nodes.map((node) => ({ ...node, attributes: convertAttributes(node) })),
    initializers: new Map(
      [...graph.initializers].map(([name, value]) => [name, convertTensor(value)]),
    ),
  };
}

function convertAttributes(node: Node): Record<string, Attribute> {
  const converted: Record<string, Attribute> = { ...node.attributes };
  for (const name of typeAttributes) {
    if (converted[name]?.type !== "int") continue;
    const code = attribute(node, name, "int");
    if (code !== undefined && isFloatCode(code)) converted[name] = int(codeOf("float32"));
  }
  for (const [name, { type, value }] of Object.entries(converted)) {
    if (type === "tensor") converted[name] = { type, value: convertTensor(value) };
    if (type === "graph") converted[name] = { type, value: widenFloats(value) };
  }
  return converted;
}

function convertTensor(value: TensorData): TensorData {
  if (value.dtype === "float32" || !isFloat(value.dtype)) return value;
  return fromFloat32(value.shape, toFloat32(value));
}

function convertInfo(info: ValueInfo): ValueInfo {
  const dtype: DataType = isFloat(info.dtype) ? "float32" : info.dtype;
  return { ...info, dtype };
}
