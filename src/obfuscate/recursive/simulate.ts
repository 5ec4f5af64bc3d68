// Recursive simulation (DeepObfuscation, arXiv 1806.10313; the abstract names the method, the details
// are ours). To simulate F by d layers, cut F into two parts, simulate each by a part of the layers,
// compose the two, and train the composition on F as a whole. Segments of one height in this recursion
// learn in one pass, since one run of the original gives every segment's input and target.
import { inferShapes } from "../../graph/shapes.ts";
import { sequential } from "../../models/index.ts";
import { assertStage } from "../../runs/index.ts";
import { withTuned } from "../classifierTuning.ts";
import type { Lesson, Simulated, SimulationWork } from "../lesson.ts";
import type { Weights } from "../weights.ts";
import { readFinished } from "./finished.ts";
import { trainLevel } from "./level.ts";
import { levelGraph, startFrom } from "./levelGraph.ts";
import { assignCuts, levelsOf, segmentTree } from "./segments.ts";

/** Share of all steps that the levels below the whole chain take together. */
const shareBelowRoot = 0.3;

/** Trains the chain to simulate the extractor, level by level. */
export async function simulateRecursively(
  work: SimulationWork,
  lesson: Lesson,
): Promise<Simulated> {
  const { options, inputs, checkpoint } = work;
  const { plan, classifier, extractor } = inputs;
  const { teacher, batches } = lesson;
  const cuts = assignCuts(extractor, inferShapes(extractor), plan);
  const levels = levelsOf(segmentTree(cuts, { from: teacher.input, to: teacher.boundary }));
  const starts = startsOfLevels(levels.length, options.epochs * batches.length);
  assertStage(checkpoint, levels.length);
  const shapeOf = (tensor: string) => teacher.shapeOf(tensor);
  const isFinished = (index: number) => checkpoint !== undefined && index < checkpoint.stageIndex;
  const finished = levels
    .filter((_, index) => isFinished(index))
    .flatMap((segments) => {
      const { seed } = options;
      return [...levelGraph(plan, segments, { seed, shapeOf }).initializers];
    });
  let weights: Weights = readFinished(checkpoint?.tensors ?? new Map(), new Map(finished));
  for (const [index, segments] of levels.entries()) {
    if (isFinished(index)) continue;
    const firstStep = starts[index] as number;
    const steps = (starts[index + 1] as number) - firstStep;
    const isRoot = index === levels.length - 1;
    weights = await trainLevel(
      { segments, index, isRoot, firstStep, steps, weights },
      work,
      lesson,
    );
  }
  const chain = sequential(plan.layers, { shape: plan.input, seed: options.seed });
  return { chain: startFrom(chain, weights, []), classifier: withTuned(classifier, weights) };
}

/** First steps of the levels, and the end: the levels below the whole chain share alike. */
function startsOfLevels(levels: number, steps: number): number[] {
  const below = levels === 1 ? 0 : shareBelowRoot / (levels - 1);
  const starts = Array.from({ length: levels }, (_, level) => Math.round(level * below * steps));
  return [...starts, steps];
}
