// What stands between a feature map and a plain classifier: convolutions over a map, attention, and linear layers over
// its places one by one, as MLP-Mixer has them (Tolstikhin et al. 2021, arXiv 2105.01601).
import { attribute } from "./attributes.ts";
import { elementCount, type Graph, type Node } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { downstream, upstream } from "./topology.ts";
import { isDilated } from "./window.ts";

/**
 * The tensors that an obstacle still follows. Takes one pass against the order of the nodes, whatever the number of
 * tensors.
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
    if (isLayerOverPlaces(node, { graph, facts, isActivation })) roots.add(activations[0]!);
  }
  // Attention is a product of activations that a softmax of activations comes before.
  const { nodes } = upstream(graph, weighted);
  for (const { operator, outputs } of nodes) {
    if (operator === "Softmax" && isActivation(outputs[0]!)) roots.add(outputs[0]!);
  }
  return upstream(graph, roots).tensors;
}

/** What follows a tensor. */
export interface Obstacle {
  readonly kind: "convolution" | "attention" | "linear layers";
  readonly node: Node;
}

/** The first obstacle that follows a tensor, a linear layer only where there is no other; undefined where none does. */
export function obstacleAfter(
  graph: Graph,
  { facts, tensor }: { facts: Facts; tensor: string },
): Obstacle | undefined {
  const isActivation = activationsAfter(graph, { facts, from: [tensor] });
  const softmaxes = graph.nodes.filter(({ operator }) => operator === "Softmax");
  const weights = downstream(
    graph,
    softmaxes.map(({ outputs }) => outputs[0]!).filter(isActivation),
  ).tensors;
  const kindOf = (node: Node): Obstacle["kind"] | undefined => {
    const activations = node.inputs.filter(isActivation);
    if (isConvolutionOverMap(node, { facts, isActivation })) return "convolution";
    const isWeighted =
      isProduct(node, activations) && activations.some((name) => weights.has(name));
    if (isWeighted || (node.operator === "Attention" && activations.length > 0)) return "attention";
    return isLayerOverPlaces(node, { graph, facts, isActivation }) ? "linear layers" : undefined;
  };
  const obstacles = graph.nodes.flatMap((node): Obstacle[] => {
    const kind = kindOf(node);
    return kind ? [{ kind, node }] : [];
  });
  return obstacles.find(({ kind }) => kind !== "linear layers") ?? obstacles[0];
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

/** Whether a linear layer computes several rows of each image with the same weights: its pixels, or its channels. */
function isLayerOverPlaces(
  { operator, inputs, outputs }: Node,
  {
    graph,
    facts,
    isActivation,
  }: { graph: Graph; facts: Facts; isActivation: (name: string) => boolean },
): boolean {
  if (operator !== "MatMul" && operator !== "Gemm") return false;
  const factors = inputs.slice(0, 2);
  const [isFirst, isSecond] = factors.map(isActivation);
  if (isFirst === isSecond) return false;
  const batch = facts.get(graph.inputs[0]?.name ?? "")?.shape[0] ?? 1;
  const weight = facts.get(factors[isFirst ? 1 : 0]!)?.shape ?? [];
  const output = facts.get(outputs[0]!)?.shape ?? [];
  const width = output.at(isFirst ? -1 : -2) ?? 1;
  return elementCount(output) / width / elementCount(weight.slice(0, -2)) > batch;
}

function isProduct({ operator }: Node, activations: readonly string[]): boolean {
  return (operator === "MatMul" || operator === "Einsum") && activations.length > 1;
}
