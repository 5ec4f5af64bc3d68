// Gives a graph's input other sizes than its file has.
import { ModelError } from "../../errors.ts";
import type { Graph } from "../graph.ts";

/**
 * The graph with the sizes of its input after the batch fixed to `sizes`. Throws ModelError where
 * the input has other fixed sizes or another number of axes.
 */
export function fixInputSizes(graph: Graph, sizes: readonly number[]): Graph {
  const inputs = graph.inputs.map((info) => {
    const declared = info.shape ?? ["N", ...sizes];
    const rest = declared.slice(1);
    const fits = rest.every((size, axis) => typeof size === "string" || size === sizes[axis]);
    if (rest.length !== sizes.length || !fits) {
      throw new ModelError(
        `input "${info.name}" [${declared.join(", ")}] cannot have the sizes ${sizes.join(" x ")}`,
      );
    }
    return { ...info, shape: [declared[0]!, ...sizes] };
  });
  return { ...graph, inputs };
}
