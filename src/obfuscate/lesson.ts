// What every way of simulating works with: a teacher, images, a loss; and what it makes.
import type { Batches } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import type { Work } from "../jobs/index.ts";
import type { CalibratedLoss } from "./jointLoss.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Inputs } from "./original.ts";
import type { Teacher } from "./teacher.ts";

/** What is shipped: a graph to features, and one from there to logits. */
export interface Simulated {
  readonly chain: Graph;
  readonly classifier: Graph;
}

/** Who teaches, on which images, and by which loss. */
export interface Lesson {
  readonly teacher: Teacher;
  readonly batches: Batches;
  readonly loss: CalibratedLoss;
}

export type SimulationWork = Omit<Work<{ decided: ResolvedOptions; inputs: Inputs }>, "group">;
