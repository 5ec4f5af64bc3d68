// What stands between a feature map and a plain classifier: convolutions over a map, and attention.
import { attribute } from "./attributes.ts";
import type { Graph, Node } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { downstream, upstream } from "./topology.ts";
import { isDilated } from "./window.ts";

/**
 * The tensors that an obstacle still follows: a convolution over a map, or attention. Takes one pass
 * against the order of the nodes, whatever the number of tensors.
 */
export function beforeObstacles(graph: Graph, facts: Facts): ReadonlySet<string> {
  const isActivation = activationsAfter(graph, {
    facts,
    from: graph.inputs.map(({ name }) => name),
  });
  const roots = new Set<string>();
  const weighted = new Set<string>();
  for (const node of graph.nodes) {
    if (isConvolutionOverMap(node, { facts, isActivation })) roots.add(node.inputs[0]!);
    const activations = node.inputs.filter(isActivation);
    if (node.operator === "Attention") for (const name of activations) roots.add(name);
    if (isProduct(node, activations)) for (const name of activations) weighted.add(name);
  }
  // Attention is a product of activations that a softmax of activations comes before.
  const { nodes } = upstream(graph, weighted);
  for (const { operator, outputs } of nodes) {
    if (operator === "Softmax" && isActivation(outputs[0]!)) roots.add(outputs[0]!);
  }
  return upstream(graph, roots).tensors;
}

/** The first obstacle that follows a tensor; undefined where none does. */
export function obstacleAfter(
  graph: Graph,
  { facts, tensor }: { facts: Facts; tensor: string },
): Node | undefined {
  const isActivation = activationsAfter(graph, { facts, from: [tensor] });
  const softmaxes = graph.nodes.filter(({ operator }) => operator === "Softmax");
  const weights = downstream(
    graph,
    softmaxes.map(({ outputs }) => outputs[0]!).filter(isActivation),
  ).tensors;
  return graph.nodes.find((node) => {
    const activations = node.inputs.filter(isActivation);
    return (
      isConvolutionOverMap(node, { facts, isActivation }) ||
      (node.operator === "Attention" && activations.length > 0) ||
      (isProduct(node, activations) && activations.some((name) => weights.has(name)))
    );
  });
}

/** Whether a tensor is computed from some others, and no constant such as their shape. */
function activationsAfter(
  graph: Graph,
  { facts, from }: { facts: Facts; from: readonly string[] },
): (name: string) => boolean {
  const { tensors } = downstream(graph, from);
  return (name) => tensors.has(name) && !facts.get(name)?.value;
}

function isConvolutionOverMap(
  node: Node,
  { facts, isActivation }: { facts: Facts; isActivation: (name: string) => boolean },
): boolean {
  if (node.operator !== "Conv" && node.operator !== "ConvTranspose") return false;
  return isActivation(node.inputs[0]!) && !isLinearLayer(node, facts);
}

/**
 * Whether a convolution is a linear layer: it sees its whole map at once, without padding. Of grouped
 * ones only those on maps of 1x1 count.
 */
export function isLinearLayer(node: Node, facts: Facts): boolean {
  if (node.operator !== "Conv" || node.domain !== "") return false;
  const [x, weight, y] = [node.inputs[0]!, node.inputs[1]!, node.outputs[0]!].map(
    (name) => facts.get(name)?.shape.slice(2) ?? [],
  );
  const isVector = y!.length > 0 && y!.every((size) => size === 1);
  const isPlain = !attribute(node, "pads", "ints")?.some((size) => size !== 0) && !isDilated(node);
  if (!isVector || !isPlain || String(x) !== String(weight)) return false;
  const isGrouped = (attribute(node, "group", "int") ?? 1) !== 1;
  return !isGrouped || x!.every((size) => size === 1);
}

function isProduct({ operator }: Node, activations: readonly string[]): boolean {
  return (operator === "MatMul" || operator === "Einsum") && activations.length > 1;
}
