// Moves changes of layout (NCHW to NHWC and back) towards the outputs until they meet their inverses. What
// exporters of channels-last frameworks wrap in pairs of `Transpose` is left with channels first.
import { channelsLast } from "../channelsLast.ts";
import type { Graph } from "../graph.ts";
import { isMap, isVector, separators } from "../maps.ts";
import { layoutRules } from "./layoutRules.ts";
import { layoutChange } from "./permutation.ts";
import { Sinking } from "./sinking.ts";

/**
 * The same function with layout changes only where an operator needs them. Maps that all paths pass through with
 * channels first stay so: they are where a network can be cut. Throws ModelError as shape inference does.
 */
export function sinkTransposes(graph: Graph): Graph {
  const hasSubgraph = graph.nodes.some(({ attributes }) =>
    Object.values(attributes).some(({ type }) => type === "graph"),
  );
  if (hasSubgraph || !graph.nodes.some((node) => layoutChange(node))) return graph;
  return new Sinking(graph, (facts) => mapsToKeep(graph, facts)).run(layoutRules);
}

function mapsToKeep(graph: Graph, facts: Sinking["facts"]): ReadonlySet<string> {
  const turned = channelsLast(graph);
  const path = separators(graph, { facts, output: graph.outputs[0]?.name ?? "" });
  return new Set(
    path.filter(
      (tensor) => !turned.has(tensor) && isMap(facts, tensor) && !isVector(facts, tensor),
    ),
  );
}
