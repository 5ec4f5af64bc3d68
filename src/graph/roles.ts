// What a parameter is for, told by the graph.
import type { Graph, Node } from "./graph.ts";
import { consumers } from "./topology.ts";
import { layers, passing } from "./traits.ts";

/** Operators that hand on a channel's scale, each channel by itself. */
const keepsScale = new Set([...passing, "AveragePool", "Concat", "MaxPool"]);

/**
 * The weights of convolutions whose every path leads through batch norm next, at most by way of pooling or
 * concatenation. The scale of such a filter changes nothing that the network answers (Ioffe and Szegedy 2015,
 * arXiv 1502.03167, section 3.3).
 */
export function normalizedConvolutions(graph: Graph): Set<string> {
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const known = new Map<string, boolean>();
  const isNormalized = (tensor: string): boolean => {
    const found = known.get(tensor) ?? (!outputs.has(tensor) && areNorms(readers.get(tensor)));
    known.set(tensor, found);
    return found;
  };
  const areNorms = (nodes: readonly Node[] = []): boolean =>
    nodes.length > 0 &&
    nodes.every(({ operator, outputs: [output] }) =>
      operator === "BatchNormalization"
        ? true
        : keepsScale.has(operator) && output !== undefined && isNormalized(output),
    );
  const weights = graph.nodes.flatMap(({ operator, inputs: [, weight], outputs: [output] }) => {
    if (operator !== "Conv" || !weight || !output || !isNormalized(output)) return [];
    return readers.get(weight)?.length === 1 ? [weight] : [];
  });
  return new Set(weights);
}

/** The weights that convolutions and linear layers multiply by. */
export function layerWeights(graph: Graph): Set<string> {
  const weights = graph.nodes.flatMap(({ operator, inputs }) =>
    layers.has(operator) ? inputs.slice(0, 2).filter((name) => graph.initializers.has(name)) : [],
  );
  return new Set(weights);
}

/**
 * The scales of batch norms behind max pooling. These fold into the convolution before it only where they
 * are positive: the larger of two values is the smaller one after a negative factor.
 */
export function pooledScales(graph: Graph): Set<string> {
  const pooled = new Set(
    graph.nodes.flatMap(({ operator, outputs }) => (operator === "MaxPool" ? outputs : [])),
  );
  const scales = graph.nodes.flatMap(({ operator, inputs: [x = "", scale = ""] }) =>
    operator === "BatchNormalization" && pooled.has(x) ? [scale] : [],
  );
  return new Set(scales);
}
