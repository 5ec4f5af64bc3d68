// One run of a network on a blank image, which shows whether it runs at all.
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { inferenceMode, scope, zeros } from "../torch/index.ts";

/** Runs a graph on one blank image [channels, height, width], on the CPU. Throws ModelError where it does not run. */
export function runBlank(graph: Graph, shape: readonly number[]): void {
  using network = new Network(graph);
  scope(() => inferenceMode(() => void network.apply(zeros([1, ...shape]))));
}
