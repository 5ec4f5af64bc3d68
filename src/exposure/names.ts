// Which names two graphs share.
import type { Graph } from "../graph/graph.ts";
import { tensorNames } from "../graph/topology.ts";

/** Names of tensors and nodes that both have, apart from those of inputs and outputs that callers use, and these. */
export function sharedNames(
  first: Graph,
  second: Graph,
): { readonly inner: readonly string[]; readonly outer: readonly string[] } {
  const [own, others] = [namesOf(first), namesOf(second)];
  const shared = [...own].filter((name) => others.has(name));
  const contract = new Set([...first.inputs, ...first.outputs].map(({ name }) => name));
  return {
    inner: shared.filter((name) => !contract.has(name)),
    outer: shared.filter((name) => contract.has(name)),
  };
}

function namesOf(graph: Graph): Set<string> {
  const names = tensorNames(graph);
  for (const { name } of graph.nodes) if (name !== "") names.add(name);
  return names;
}
