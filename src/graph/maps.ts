// Feature maps, and the tensors that everything passes through.
import type { Graph } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { dominators } from "./topology.ts";

/** Tensors on all paths from the first input to `output`, without that input. */
export function separators(
  graph: Graph,
  { facts, output }: { facts: Facts; output: string },
): string[] {
  const input = graph.inputs[0]?.name ?? "";
  const isConstant = (tensor: string) => facts.get(tensor)?.value !== undefined;
  return dominators(graph, { input, output, isConstant }).slice(1);
}

/** Whether a tensor is [batch, channels, height, width]. */
export function isMap(facts: Facts, tensor: string): boolean {
  return facts.get(tensor)?.shape.length === 4;
}

/** Whether a map has one pixel. */
export function isVector(facts: Facts, map: string): boolean {
  return facts
    .get(map)!
    .shape.slice(2)
    .every((size) => size === 1);
}
