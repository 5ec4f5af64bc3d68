// Removes what no output depends on.
import type { Graph } from "../graph.ts";
import { upstream } from "../topology.ts";

/** The graph without nodes and initializers that its outputs do not depend on; inputs stay. */
export function eliminateDeadNodes(graph: Graph): Graph {
  const outputs = graph.outputs.map(({ name }) => name);
  const { nodes, tensors } = upstream(graph, outputs);
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => nodes.has(node)),
    initializers: new Map([...graph.initializers].filter(([name]) => tensors.has(name))),
  };
}
