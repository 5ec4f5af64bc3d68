// Recursive simulation (DeepObfuscation, arXiv 1806.10313; the abstract names the method, the details
// are ours). To simulate F by d layers, cut F into two parts, simulate each by a part of the layers,
// compose the two, and train the composition on F as a whole. Segments of one height in this recursion
// learn in one pass, since one run of the original gives every segment's input and target.
import type { Batches } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import { sequential } from "../models/index.ts";
import { startFrom, type Weights } from "./chain.ts";
import { calibrate, type JointLoss } from "./joint.ts";
import { type LevelContext, trainLevel } from "./level.ts";
import type { Original } from "./original.ts";
import { levelsOf, segmentTree, wholeChain } from "./segments.ts";
import { withTuned } from "./tuning.ts";
import { readWeights } from "./weights.ts";

/** What a simulation needs besides the original and the data. */
export interface SimulationContext extends Omit<LevelContext, "original" | "batches" | "loss"> {
  readonly loss: JointLoss;
  readonly simulation: "recursive" | "direct";
  /** Share of the last level's steps in which the classifier learns as well. */
  readonly tuneClassifier: number;
}

/** What is shipped: a graph to features, and one from there to logits. */
export interface Simulated {
  readonly chain: Graph;
  readonly classifier: Graph;
}

/** Share of all steps that the levels below the whole chain take together. */
const shareBelowRoot = 0.3;

/** Trains the chain to simulate the extractor, level by level; in the end the classifier too, where asked. */
export async function simulate(
  original: Original,
  batches: Batches,
  context: SimulationContext,
): Promise<Simulated> {
  const { plan, simulation, epochs, seed, checkpoint, classifier, run } = context;
  const ends = { from: original.input, to: original.boundary };
  const isDirect = simulation === "direct";
  const whole = isDirect ? wholeChain(plan.layers.length, ends) : segmentTree(plan.cuts, ends);
  const levels = levelsOf(whole);
  const starts = startsOfLevels(levels.length, epochs * batches.length);
  const loss = calibrate(context.loss, original, batches);
  if (!checkpoint) await run.metrics.append({ calibration: loss.calibration });
  let weights: Weights = checkpoint ? readWeights(checkpoint.tensors) : new Map();
  for (const [stage, segments] of levels.entries()) {
    if (checkpoint && stage < checkpoint.stage) continue;
    const firstStep = starts[stage] as number;
    const steps = (starts[stage + 1] as number) - firstStep;
    const tuneClassifier = stage === levels.length - 1 ? context.tuneClassifier : 0;
    const level = { segments, stage, firstStep, steps, weights, tuneClassifier };
    weights = await trainLevel(level, { ...context, original, batches, loss });
  }
  const chain = sequential(plan.layers, { shape: plan.input, seed });
  return { chain: startFrom(chain, weights, []), classifier: withTuned(classifier, weights) };
}

/** First steps of the levels, and the end: the levels below the whole chain share alike. */
function startsOfLevels(levels: number, steps: number): number[] {
  const below = levels === 1 ? 0 : shareBelowRoot / (levels - 1);
  const starts = Array.from({ length: levels }, (_, level) => Math.round(level * below * steps));
  return [...starts, steps];
}
