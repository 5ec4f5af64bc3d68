// One run of a network on blank images, which shows whether it runs at all, and takes each for itself.
import { Network } from "../engine/index.ts";
import { ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { inferenceMode, scope, zeros } from "../torch/index.ts";

/** More than one: for one image alone, other axes of size 1 look like the batch. */
const images = 2;

/**
 * Runs a graph on two blank images [channels, height, width], on the CPU. Throws ModelError where it does not run, or
 * does not give each a row of scores.
 */
export function runBlank(graph: Graph, shape: readonly number[]): void {
  using network = new Network(graph);
  const given = scope(() => inferenceMode(() => network.apply(zeros([images, ...shape])).shape));
  if (given.length === 2 && given[0] === images) return;
  throw new ModelError(
    `expected the model to give [${images}, classes] for ${images} images, a row of scores for each, but it gives ` +
      `[${given.join(", ")}]: mend the end of its forward() and export it again`,
  );
}
