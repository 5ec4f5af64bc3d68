// One level of the simulation: segments of the chain side by side, each learning its part of the
// original from the original's features at its start.
import type { Batch, Batches } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import type { Overparameterization } from "../models/index.ts";
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
  tuningRecipe,
} from "../train/index.ts";
import { inputOf, levelGraph, outputOf, startFrom, type Weights } from "./chain.ts";
import { initializeChain } from "./initialize.ts";
import { type CalibratedLoss, featureTerm, logitTerms } from "./joint.ts";
import type { Knowledge, Original } from "./original.ts";
import { foldOverparameterized, startOverparameterized } from "./overparameterize.ts";
import type { Plan } from "./plan.ts";
import type { Segment } from "./segments.ts";
import { Tuning } from "./tuning.ts";
import { weightTensors } from "./weights.ts";

/** Which part of the simulation a level is. */
export interface Level {
  readonly segments: readonly Segment[];
  readonly stage: number;
  /** Steps of the whole job before this level, and in it. */
  readonly firstStep: number;
  readonly steps: number;
  /** What the levels before have trained. */
  readonly weights: Weights;
  /** Share of the steps in which the classifier learns as well, the last ones; 0: it does not. */
  readonly tuneClassifier: number;
}

/** How every level is trained, on what, and where its state goes. */
export interface LevelContext {
  readonly original: Original;
  /** The original behind the extractor. */
  readonly classifier: Graph;
  readonly batches: Batches;
  readonly plan: Plan;
  /** Epochs of the whole job. */
  readonly epochs: number;
  readonly loss: CalibratedLoss;
  /** What stands with the convolutions while they learn (overparameterize.ts). */
  readonly overparameterized: Overparameterization;
  /** Share of a level's steps whose weights are averaged in its end; 0: the last weights. */
  readonly averageWeights: number;
  readonly device: Device;
  readonly precision: "f32" | "bf16";
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  /** Decides the initial weights. */
  readonly seed: number;
  readonly run: RunFolder;
  readonly hooks: JobHooks;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
}

/** Trains the segments of a level jointly. Gives all weights, the level's beside those before. */
export async function trainLevel(level: Level, context: LevelContext): Promise<Weights> {
  const { segments, stage, firstStep, steps } = level;
  const { original, batches, epochs, plan, loss, run, hooks, checkpoint } = context;
  const { network, tuning, optimizers, average } = learnerOf(level, context);
  const running = { network, segments, original };
  const finished = weightTensors(level.weights);
  const { buffers } = network;
  const parameters = new Map([...network.parameters, ...(tuning?.parameters ?? [])]);
  const learner = { network: { parameters, buffers }, optimizers, average };
  const resumed = checkpoint?.stage === stage ? checkpoint : undefined;
  if (resumed) loadState(resumed.tensors, learner);
  const keeper = run.keeper(stage, () => new Map([...trainingState(learner), ...finished]));
  try {
    await train(
      {
        stage: nameOf(segments, plan),
        ...{ batches, epochs, optimizers, average, part: { firstStep, steps } },
        schedule: linearDecay(),
        losses: (batch, step) => levelLosses(batch, { ...running, tuning, loss, step }),
      },
      { from: resumed ?? startOfStage, keeper, hooks },
    );
    await average?.apply(batches, {
      forward: (batch, batchWeight) => runLevel(batch, { ...running, batchWeight }),
      onBatch: () => throwIfStopped(hooks, keeper),
    });
    const trained = foldOverparameterized(network.toGraph().initializers);
    return new Map([...level.weights, ...trained, ...(tuning?.weights() ?? [])]);
  } finally {
    const owners = [network, tuning, average, ...optimizers, ...finished.values()];
    for (const owner of owners) owner?.dispose();
  }
}

/** What a level trains, and what trains it. */
function learnerOf(level: Level, context: LevelContext) {
  const { segments, steps, tuneClassifier: share } = level;
  const { original, classifier, plan, device, precision, seed, overparameterized } = context;
  const shapeOf = (tensor: string) => original.shapeOf(tensor);
  const graph = levelGraph(plan, segments, { seed, shapeOf, overparameterized });
  const start = startOf(graph, level, context);
  const options = { device, precision };
  const network = new Network(startOverparameterized(start), { ...options, trainable: true });
  const tuning = share > 0 ? new Tuning(classifier, { ...options, share, steps }) : undefined;
  const ofChain = trainedParameters(network, plan);
  const ofClassifier = tuning?.parameters ?? new Map<string, Tensor>();
  const optimizers = recipe(ofChain, context);
  if (tuning) optimizers.push(tuningRecipe(ofClassifier));
  const average = averageOf(new Map([...ofChain, ...ofClassifier]), {
    ...{ share: context.averageWeights, steps },
  });
  return { network, tuning, optimizers, average };
}

/** The graph with the weights that a level begins with; as it is where a checkpoint holds those. */
function startOf(
  graph: Graph,
  { stage, weights, segments }: Level,
  { plan, batches, checkpoint }: LevelContext,
): Graph {
  if (checkpoint?.stage === stage) return graph;
  return stage === 0
    ? initializeChain(graph, { plan, batches })
    : startFrom(graph, weights, segments);
}

interface RunningLevel {
  readonly network: Network;
  readonly segments: readonly Segment[];
  readonly original: Original;
}

/**
 * What the segments make of the features at their starts, and what the original makes of a batch: those
 * features, those at the ends of the segments to be `compared`, and its logits where they are wanted.
 */
function runLevel(
  { images }: Batch,
  context: RunningLevel & {
    readonly compared?: readonly Segment[];
    readonly logits?: boolean;
    readonly batchWeight?: number;
  },
): { known: Knowledge; outputs: Readonly<Record<string, Tensor>> } {
  const { network, segments, original, compared = [], logits = false, batchWeight } = context;
  const starts = segments.map(({ from }) => from).filter((from) => from !== original.input);
  const ends = compared.map(({ to }) => to);
  const known = original.look(images, { tensors: [...starts, ...ends], logits });
  const inputs = segments.map((segment) => [
    inputOf(segment),
    segment.from === original.input ? images : known.features[segment.from]!,
  ]);
  const outputs = network.forward(Object.fromEntries(inputs), { training: true, batchWeight });
  return { known, outputs };
}

/**
 * Every segment's feature loss; in turn, one segment's losses at the logits, by the original's remainder
 * or the classifier that learns.
 */
function levelLosses(
  batch: Batch,
  context: RunningLevel & {
    readonly loss: CalibratedLoss;
    readonly tuning: Tuning | undefined;
    readonly step: number;
  },
): LossTerm[] {
  const { segments, tuning, step, original, loss } = context;
  const compared = loss.featureWeight > 0 ? segments : [];
  const wanted = { compared, logits: loss.distillationWeight > 0 };
  const { known, outputs } = runLevel(batch, { ...context, ...wanted });
  const features = compared.map((segment) => {
    const name = segments.length === 1 ? "feature" : `feature ${segment.first}-${segment.last}`;
    return featureTerm(outputs[outputOf(segment)]!, known.features[segment.to]!, { name, loss });
  });
  if (loss.labelWeight === 0 && loss.distillationWeight === 0) return features;
  const judged = segments[step % segments.length]!;
  const output = outputs[outputOf(judged)]!;
  const logits = tuning?.learnsAt(step) ? tuning.judge(output) : original.judge(judged.to, output);
  return [...features, ...logitTerms(logits, { batch, originalLogits: known.logits }, loss)];
}

/** All parameters but the scales of batch norms behind pooling: only positive ones, such as 1, fold. */
function trainedParameters(network: Network, plan: Plan): Map<string, Tensor> {
  const frozen = new Set(plan.layers.flatMap(({ pool }, i) => (pool ? [`bn${i + 1}.weight`] : [])));
  return new Map([...network.parameters].filter(([name]) => !frozen.has(name)));
}

function nameOf(segments: readonly Segment[], plan: Plan): string {
  const isWhole =
    segments.length === 1 && segments[0]!.last - segments[0]!.first + 1 === plan.layers.length;
  return isWhole
    ? "chain"
    : `layers ${segments.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(", ")}`;
}
