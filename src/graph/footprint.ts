// How much memory the maps of a network take, for one image: what its training holds until the gradients are there,
// and what the rest needs at a time.
import { elementCount, type Graph } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { passing, reshaping } from "./traits.ts";

/** Nodes whose outputs are their inputs seen otherwise, or become one map with what follows: no memory of their own. */
const withoutMap = new Set([...passing, ...reshaping, "BatchNormalization", "Shape"]);

/** Numbers in all maps together, and in the largest map with what it is made from; facts are those for one image. */
export function countMapValues(graph: Graph, facts: Facts): { kept: number; widest: number } {
  const sizeOf = (name: string) => {
    const shape = graph.initializers.has(name) ? undefined : facts.get(name)?.shape;
    return shape ? elementCount(shape) : 0;
  };
  const total = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(name), 0);
  let [kept, widest] = [0, 0];
  for (const { operator, inputs, outputs } of graph.nodes) {
    if (withoutMap.has(operator)) continue;
    kept += total(outputs);
    widest = Math.max(widest, total(outputs) + total(inputs));
  }
  return { kept, widest };
}
