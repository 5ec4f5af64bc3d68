// Moves changes of layout (NCHW to NHWC and back) towards the outputs until they meet their inverses. What
// exporters of channels-last frameworks wrap in pairs of `Transpose` is left with channels first.
import type { Graph } from "../graph.ts";
import { layoutRules } from "./layoutRules.ts";
import { layoutChange } from "./permutation.ts";
import { Sinking } from "./sinking.ts";

/** The same function with layout changes only where an operator needs them. Throws ModelError as shape inference does. */
export function sinkTransposes(graph: Graph): Graph {
  const hasSubgraph = graph.nodes.some(({ attributes }) =>
    Object.values(attributes).some(({ type }) => type === "graph"),
  );
  if (hasSubgraph || !graph.nodes.some((node) => layoutChange(node))) return graph;
  return new Sinking(graph).run(layoutRules);
}
