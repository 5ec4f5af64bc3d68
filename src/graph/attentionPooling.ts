// Attention that pools: a query, learned or the mean of all pixels, gathers what convolutions made (Radford et al. 2021,
// arXiv 2103.00020, section 2.4). Its heads and tokens have four axes as well, but they are no feature maps.
import type { Graph } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { downstream, upstream } from "./topology.ts";

/**
 * Those of the maps that lie behind the only attention of a graph and have other pixels than the last one before it;
 * none where a convolution follows.
 */
export function behindAttentionPooling(
  graph: Graph,
  { facts, maps }: { facts: Facts; maps: readonly string[] },
): ReadonlySet<string> {
  const weights = attentionWeights(graph);
  if (weights.length !== 1) return new Set();
  const { nodes, tensors } = downstream(graph, weights);
  if ([...nodes].some(({ operator }) => operator === "Conv")) return new Set();
  const pixelsOf = (map: string) => String(facts.get(map)?.shape.slice(2));
  const last = maps.findLast((map) => !tensors.has(map));
  const pixels = last && pixelsOf(last);
  return new Set(maps.filter((map) => tensors.has(map) && pixelsOf(map) !== pixels));
}

/** What each attention weighs with, or gives where it is one node. */
function attentionWeights(graph: Graph): string[] {
  const products = graph.nodes.filter(
    ({ operator, inputs }) =>
      (operator === "MatMul" || operator === "Einsum") &&
      inputs.every((name) => !graph.initializers.has(name)),
  );
  const weighing = upstream(
    graph,
    products.flatMap(({ inputs }) => inputs),
  ).tensors;
  return graph.nodes.flatMap(({ operator, outputs: [output = ""] }) =>
    operator === "Attention" || (operator === "Softmax" && weighing.has(output)) ? [output] : [],
  );
}
