// Takes softmax and sigmoids off the end of a network: losses are of logits.
import { attribute } from "../attributes.ts";
import type { Graph, Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { producers } from "../topology.ts";
import { passing, reshaping } from "../traits.ts";

/** What may come after: nothing that changes a value. */
const valueKeeping = new Set([...passing, ...reshaping]);

/**
 * The graph with the softmax over classes, its logarithm or the sigmoid of each class that its first output comes from
 * replaced by `Identity`, so that this output are logits; the graph itself where it does not end in one.
 */
export function endInLogits(graph: Graph): Graph {
  const makers = producers(graph);
  let last = makers.get(graph.outputs[0]?.name ?? "");
  while (last?.domain === "" && valueKeeping.has(last.operator)) {
    last = makers.get(last.inputs[0] as string);
  }
  if (!last || !isOfLogits(last)) return graph;
  const nodes = graph.nodes.map((node) => (node === last ? passOn(node) : node));
  return { ...graph, nodes };
}

/** Classes are the second axis, and the last: others have size 1 in what ends as [batch, classes]. */
function isOfLogits(node: Node): boolean {
  if (node.domain !== "") return false;
  const axis = attribute(node, "axis", "int") ?? -1;
  const isOverClasses = axis === 1 || axis === -1;
  return node.operator === "Sigmoid" || (/^(Log)?Softmax$/.test(node.operator) && isOverClasses);
}
