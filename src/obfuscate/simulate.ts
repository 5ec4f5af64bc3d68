// Recursive simulation (DeepObfuscation, arXiv 1806.10313; the abstract names the method, the details
// are ours). To simulate F by d layers, cut F into two parts, simulate each by a part of the layers,
// compose the two, and train the composition on F as a whole. Segments of one height in this recursion
// learn in one pass, since one run of the original gives every segment's input and target.
import type { Batch, Batches } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { sequential } from "../models/index.ts";
import type { Device, Tensor } from "../torch/index.ts";
import {
  averageOf,
  type Checkpoint,
  type JobHooks,
  type LossTerm,
  linearDecay,
  loadState,
  type OptimizerName,
  type RunFolder,
  recipe,
  startOfStage,
  throwIfStopped,
  train,
  trainingState,
} from "../train/index.ts";
import { foldBranches, splitBranches } from "./branches.ts";
import { inputOf, levelGraph, outputOf, startFrom, type Weights } from "./chain.ts";
import { initializeChain } from "./initialize.ts";
import { featureTerm, type JointLoss, logitTerms } from "./joint.ts";
import type { Knowledge, Original } from "./original.ts";
import type { Plan } from "./plan.ts";
import { levelsOf, type Segment, segmentTree, wholeChain } from "./segments.ts";
import { readWeights, weightTensors } from "./weights.ts";

/** What a simulation needs besides the data. */
export interface SimulationOptions {
  readonly plan: Plan;
  readonly simulation: "recursive" | "direct";
  readonly epochs: number;
  readonly loss: JointLoss;
  /** Whether convolutions have parallel ones while they learn (branches.ts). */
  readonly overparameterized: boolean;
  readonly device: Device;
  readonly precision: "f32" | "bf16";
  readonly optimizer: OptimizerName;
  /** Share of a level's steps whose weights are averaged in its end; 0: the last weights. */
  readonly averageWeights: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Decides the initial weights. */
  readonly seed: number;
}

/** Where a simulation keeps its state and tells how it goes. */
export interface SimulationContext {
  readonly run: RunFolder;
  readonly hooks: JobHooks;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
}

type Context = SimulationOptions & SimulationContext;

/** Share of all steps that the levels below the whole chain take together. */
const shareBelowRoot = 0.3;

/** Trains the chain to simulate the extractor, level by level. Gives it as a graph to features. */
export async function simulate(
  original: Original,
  batches: Batches,
  context: Context,
): Promise<Graph> {
  const { plan, simulation, epochs, seed, checkpoint } = context;
  const ends = { from: original.input, to: original.boundary };
  const isDirect = simulation === "direct";
  const whole = isDirect ? wholeChain(plan.layers.length, ends) : segmentTree(plan.cuts, ends);
  const levels = levelsOf(whole);
  const starts = startsOfLevels(levels.length, epochs * batches.length);
  let weights: Weights = checkpoint ? readWeights(checkpoint.tensors) : new Map();
  for (const [stage, segments] of levels.entries()) {
    if (checkpoint && stage < checkpoint.stage) continue;
    const firstStep = starts[stage] as number;
    const steps = (starts[stage + 1] as number) - firstStep;
    const level = { segments, stage, firstStep, steps, weights };
    weights = await trainLevel(level, { ...context, original, batches });
  }
  const chain = sequential(plan.layers, { shape: plan.input, seed });
  return startFrom(chain, weights, []);
}

interface Level {
  readonly segments: readonly Segment[];
  readonly stage: number;
  /** Steps of the whole job before this level, and in it. */
  readonly firstStep: number;
  readonly steps: number;
  readonly weights: Weights;
}

/** Joint training of the segments of one level, each from the original's features at its start. */
async function trainLevel(
  { segments, stage, firstStep, steps, weights: before }: Level,
  context: Context & { original: Original; batches: Batches },
): Promise<Weights> {
  const { original, batches, plan, device, precision, run, hooks, checkpoint, epochs } = context;
  const shapeOf = (tensor: string) => original.shapeOf(tensor);
  const { seed, overparameterized: branches } = context;
  const graph = levelGraph(plan, segments, { seed, shapeOf, branches });
  const start =
    stage === 0 ? initializeChain(graph, { plan, batches }) : startFrom(graph, before, segments);
  const network = new Network(splitBranches(start), {
    ...{ device, precision, trainable: true },
  });
  const parameters = trainedParameters(network, plan);
  const optimizers = recipe(parameters, context);
  const average = averageOf(parameters, { share: context.averageWeights, steps });
  const learner = { network, optimizers, average };
  const level = { ...context, network, segments };
  const finished = weightTensors(before);
  const resumed = checkpoint?.stage === stage ? checkpoint : undefined;
  if (resumed) loadState(resumed.tensors, learner);
  const keeper = run.keeper(stage, () => new Map([...trainingState(learner), ...finished]));
  try {
    await train(
      {
        stage: nameOf(segments, plan),
        ...{ batches, epochs, optimizers, average, part: { firstStep, steps } },
        schedule: linearDecay(),
        losses: (batch, step) => levelLosses(batch, { ...level, step }),
      },
      { from: resumed ?? startOfStage, keeper, hooks },
    );
    await average?.apply(batches, {
      forward: (batch, batchWeight) => runLevel(batch, { ...level, batchWeight }),
      onBatch: () => throwIfStopped(hooks, keeper),
    });
    return new Map([...before, ...foldBranches(network.toGraph().initializers)]);
  } finally {
    for (const owner of [...optimizers, network, average, ...finished.values()]) owner?.dispose();
  }
}

interface RunningLevel {
  readonly network: Network;
  readonly segments: readonly Segment[];
  readonly original: Original;
}

/** What the original makes of a batch, and what the segments make of the features at their starts. */
function runLevel(
  { images }: Batch,
  { network, segments, original, batchWeight }: RunningLevel & { batchWeight?: number },
): { known: Knowledge; outputs: Readonly<Record<string, Tensor>> } {
  const tensors = segments.flatMap(({ from, to }) => [from, to]);
  const known = original.look(images, tensors);
  const inputs = segments.map((segment) => [
    inputOf(segment),
    segment.from === original.input ? images : known.features[segment.from]!,
  ]);
  const outputs = network.forward(Object.fromEntries(inputs), { training: true, batchWeight });
  return { known, outputs };
}

/** Every segment's feature loss; in turn, one segment's losses at the logits, by the original's remainder. */
function levelLosses(
  batch: Batch,
  context: RunningLevel & { step: number; loss: JointLoss },
): LossTerm[] {
  const { segments, step, original, loss } = context;
  const { known, outputs } = runLevel(batch, context);
  const features = segments.flatMap((segment) => {
    const name = segments.length === 1 ? "feature" : `feature ${segment.first}-${segment.last}`;
    return featureTerm(outputs[outputOf(segment)]!, known.features[segment.to]!, { name, loss });
  });
  const judged = segments[step % segments.length]!;
  const logits = original.judge(judged.to, outputs[outputOf(judged)]!);
  const target = { batch, originalLogits: known.logits };
  return [...features, ...logitTerms(logits, target, loss)];
}

/** All parameters but the scales of batch norms behind pooling: only positive ones, such as 1, fold. */
function trainedParameters(network: Network, plan: Plan): Map<string, Tensor> {
  const frozen = new Set(plan.layers.flatMap(({ pool }, i) => (pool ? [`bn${i + 1}.weight`] : [])));
  return new Map([...network.parameters].filter(([name]) => !frozen.has(name)));
}

/** First steps of the levels, and the end: the levels below the whole chain share alike. */
function startsOfLevels(levels: number, steps: number): number[] {
  const below = levels === 1 ? 0 : shareBelowRoot / (levels - 1);
  const starts = Array.from({ length: levels }, (_, level) => Math.round(level * below * steps));
  return [...starts, steps];
}

function nameOf(segments: readonly Segment[], plan: Plan): string {
  const isWhole =
    segments.length === 1 && segments[0]!.last - segments[0]!.first + 1 === plan.layers.length;
  return isWhole
    ? "chain"
    : `layers ${segments.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(", ")}`;
}
