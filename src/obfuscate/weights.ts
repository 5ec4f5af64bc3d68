// Trained weights by name.
import type { TensorData } from "../graph/graph.ts";

/** The names are those of the graph that learned them, `layerNames` where it is a chain. */
export type Weights = ReadonlyMap<string, TensorData>;
