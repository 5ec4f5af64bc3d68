// The layers that compute on integers: convolutions and linear layers with constant weights.
import { attribute } from "../graph/attributes.ts";
import type { Graph, Node, TensorData } from "../graph/graph.ts";
import { consumers, downstream } from "../graph/topology.ts";

export interface Layer {
  readonly weight: TensorData;
  /** The weights' axis of outputs. */
  readonly outputAxis: number;
  /** One number an output, or undefined where there is none of that form. */
  readonly bias: TensorData | undefined;
}

/** A node as a layer, or undefined where it is none. */
export function asLayer(node: Node, { initializers }: Graph): Layer | undefined {
  if (node.operator !== "Conv" && node.operator !== "Gemm") return undefined;
  const constant = (name = "") => initializers.get(name);
  const [weight, given] = [constant(node.inputs[1]), constant(node.inputs[2])];
  if (weight?.dtype !== "float32") return undefined;
  const isTransposed = attribute(node, "transB", "int") === 1;
  const outputAxis = node.operator === "Conv" || isTransposed ? 0 : 1;
  const fits = given?.shape.length === 1 && given.shape[0] === weight.shape[outputAxis];
  return { weight, outputAxis, bias: fits ? given : undefined };
}

/**
 * What layers give that is to be an integer, behind the ReLU that alone reads it, if one does. A linear layer that none
 * follows gives logits, which stay real numbers.
 */
export function layerOutputs(graph: Graph): string[] {
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return graph.nodes.flatMap((node) => {
    if (!asLayer(node, graph)) return [];
    const name = node.outputs[0]!;
    const [reader, ...others] = readers.get(name) ?? [];
    const isRelu = reader?.operator === "Relu" && others.length === 0 && !outputs.has(name);
    const after = [...downstream(graph, [name]).nodes];
    const isLast = node.operator === "Gemm" && !after.some((each) => asLayer(each, graph));
    return isLast ? [] : [isRelu ? reader.outputs[0]! : name];
  });
}
