// One level of the recursion: segments of the chain side by side, each learning its part of the
// original from the original's features at its start.

import type { Batch } from "../../data/index.ts";
import type { Graph } from "../../graph/graph.ts";
import { record } from "../../record.ts";
import type { Tensor } from "../../torch/index.ts";
import { type LossTerm, linearDecay, train } from "../../train/index.ts";
import { initializeChain } from "../initialize.ts";
import { jointTerms, knowledgeFor } from "../jointLoss.ts";
import { ChainLearner } from "../learner.ts";
import type { Lesson, SimulationWork } from "../lesson.ts";
import type { Knowledge } from "../teacher.ts";
import type { Weights } from "../weights.ts";
import { finishedTensors } from "./finished.ts";
import { inputOf, levelGraph, outputOf, startFrom } from "./levelGraph.ts";
import type { Segment } from "./segments.ts";

/** Which part of the simulation a level is. */
export interface Level {
  readonly segments: readonly Segment[];
  /** Its height in the tree, from 0. */
  readonly index: number;
  /** Whether it is the whole chain. */
  readonly isRoot: boolean;
  /** Steps of the whole job before this level, and in it. */
  readonly firstStep: number;
  readonly steps: number;
  /** What the levels before have trained. */
  readonly weights: Weights;
}

/** Trains the segments of a level jointly. Gives all weights, the level's beside those before. */
export async function trainLevel(
  level: Level,
  work: SimulationWork,
  lesson: Lesson,
): Promise<Weights> {
  const { segments, index, isRoot, firstStep, steps } = level;
  const { options, inputs } = work;
  const { classifier } = inputs;
  const tuneClassifier = isRoot ? options.tuneClassifier : 0;
  const start = await startOf(level, work, lesson);
  using chain = new ChainLearner(start, { classifier, options, steps, tuneClassifier });
  const finished = finishedTensors(level.weights);
  try {
    await train(
      {
        index,
        name: isRoot ? "chain" : nameOf(segments),
        learner: chain.learner,
        finished,
        batches: lesson.batches,
        epochs: options.epochs,
        part: { firstStep, steps, all: options.epochs * lesson.batches.length },
        schedule: linearDecay(),
        losses: (batch, step) => levelLosses(batch, { step, chain, segments, lesson }),
        forward: (batch, batchWeight) => runLevel(batch, { chain, segments, lesson, batchWeight }),
      },
      work,
    );
    return new Map([...level.weights, ...chain.weights()]);
  } finally {
    for (const tensor of finished.values()) tensor.dispose();
  }
}

/** The graph with the weights that a level begins with; as it is where a checkpoint holds those. */
async function startOf(
  { index, weights, segments }: Level,
  { inputs: { plan }, options: { seed }, checkpoint }: SimulationWork,
  { teacher, batches }: Lesson,
): Promise<Graph> {
  const shapeOf = (tensor: string) => teacher.shapeOf(tensor);
  const graph = levelGraph(plan, segments, { seed, shapeOf });
  if (checkpoint?.stageIndex === index) return graph;
  return index === 0
    ? initializeChain(graph, { plan, batches })
    : startFrom(graph, weights, segments);
}

interface RunningLevel {
  readonly chain: ChainLearner;
  readonly segments: readonly Segment[];
  readonly lesson: Lesson;
}

/**
 * What the segments make of the features at their starts, and what the original makes of a batch: those
 * features, those at further `tensors`, and its logits where they are wanted.
 */
function runLevel(
  { images }: Batch,
  context: RunningLevel & {
    readonly tensors?: readonly string[];
    readonly logits?: boolean;
    readonly batchWeight?: number;
  },
): { known: Knowledge; outputs: Readonly<Record<string, Tensor>> } {
  const { chain, segments, lesson, tensors = [], logits = false, batchWeight } = context;
  const { teacher } = lesson;
  const starts = segments.map(({ from }) => from).filter((from) => from !== teacher.input);
  const known = teacher.look(images, { tensors: [...starts, ...tensors], logits });
  const inputs = segments.map((segment) => {
    const values = segment.from === teacher.input ? images : known.features[segment.from]!;
    return [inputOf(segment), values] as const;
  });
  const training = { training: true, batchWeight };
  return { known, outputs: chain.network.forward(record(inputs), training) };
}

/** Every segment's feature loss; in turn, one segment's losses at the logits. */
function levelLosses(batch: Batch, context: RunningLevel & { readonly step: number }): LossTerm[] {
  const { chain, segments, lesson, step } = context;
  const { teacher, loss } = lesson;
  const ends = segments.map(({ to }) => to);
  const { known, outputs } = runLevel(batch, { ...context, ...knowledgeFor(loss, ends) });
  const simulated = segments.map((segment) => {
    const name = segments.length === 1 ? "feature" : `feature ${segment.first}-${segment.last}`;
    return { name, tensor: segment.to, features: outputs[outputOf(segment)]! };
  });
  const { tensor, features } = simulated[step % simulated.length]!;
  const logits = () => chain.logitsFor(features, { step, teacher, tensor });
  return jointTerms(simulated, { batch, known, loss, logits });
}

function nameOf(segments: readonly Segment[]): string {
  const ranges = segments.map(({ first, last }) => (first === last ? first : `${first}-${last}`));
  return `layers ${ranges.join(", ")}`;
}
