// One fine-tuning: a network learns, or what stands behind a frozen part of it, with the loop that trains everything else.
import { type Batch, Batches, type BatchOptions, type Dataset } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { compose, cutGraph } from "../graph/rewrites.ts";
import { noGrad, type Tensor } from "../torch/index.ts";
import {
  Learner,
  type LossTerm,
  linearDecay,
  measureStatistics,
  optimizersFor,
  type Surroundings,
  throwIfAnyStopped,
  train,
  wholeJob,
} from "../train/index.ts";
import { mostImages } from "./moments.ts";
import type { Recipe } from "./recipes.ts";

/** What is trained, from where, on what and towards what. */
export interface Training {
  /** What progress and metrics call it. */
  readonly name: string;
  /** From images to a row of numbers each, with its initial weights. */
  readonly graph: Graph;
  /** The tensor behind which the graph learns; undefined where all of it does. */
  readonly frozen: string | undefined;
  readonly recipe: Pick<Recipe, "optimizer" | "learningRate">;
  /** Passes over the images, of which the last may be a part. */
  readonly epochs: number;
  readonly images: Dataset;
  /** How many images of the same budget are held to judge by: batches are as large as if these learned, too. */
  readonly heldOut?: number;
  /** A network that is asked about each batch as it is shown. */
  readonly teacher?: Graph;
  /** The terms of the loss for the rows that the graph gives a batch, with gradients, and those of the teacher. */
  readonly losses: (rows: Tensor, batch: Batch, answers: Tensor | undefined) => LossTerm[];
}

/** What all trainings of an attack have. */
export interface TrainingOptions extends Omit<BatchOptions, "batch" | "dropLast"> {
  readonly precision: "f32" | "bf16";
  /** Images a step; see `batchSizeFor` for the default. */
  readonly batchSize?: number;
  /** How many share each batch; 1 by default. */
  readonly workers?: number;
}

/**
 * The trained graph, its batch norms with the statistics of the images for the last weights: running ones would lag
 * behind where the training is short. `index` is the training's place in the job. Throws as `train` does, but at once
 * where it diverges: it stands for the rate of its recipe.
 */
export async function fineTune(
  { name, graph, frozen, recipe, epochs, images, heldOut = 0, teacher, losses }: Training,
  { precision, batchSize, workers, ...options }: TrainingOptions,
  { index, ...surroundings }: Surroundings & { readonly index: number },
): Promise<Graph> {
  const { device = "cpu" } = options;
  const { extractor: still, classifier: moving } =
    frozen === undefined ? { extractor: undefined, classifier: graph } : cutGraph(graph, frozen);
  const batch = batchSizeFor(images.count, { heldOut, asked: batchSize, workers });
  using batches = new Batches(images, { ...options, batch, dropLast: true });
  using before = still && new Network(still, { device, precision });
  using answering = teacher && new Network(teacher, { device, precision });
  using network = new Network(moving, { device, precision, trainable: true });
  const { parameters, buffers } = network;
  const optimizers = optimizersFor(moving, parameters, recipe);
  using learner = new Learner({ parameters, buffers, optimizers });
  const forward = ({ images: shown }: Batch, batchWeight?: number) =>
    network.apply(before ? noGrad(() => before.apply(shown)) : shown, {
      training: true,
      batchWeight,
    });
  const steps = Math.max(1, Math.round(epochs * batches.length));
  const stage = {
    index,
    name,
    learner,
    batches,
    part: wholeJob(steps),
    forward,
    schedule: linearDecay(),
    mostHalvings: 0,
    epochs: Math.ceil(epochs),
    losses: (shown: Batch) => {
      const answers = answering && noGrad(() => answering.apply(shown.images));
      return losses(forward(shown), shown, answers);
    },
  };
  await train(stage, surroundings);
  if (moving.nodes.some(({ operator }) => operator === "BatchNormalization")) {
    const onBatch = () => throwIfAnyStopped(surroundings);
    const mostBatches = Math.ceil(mostImages / batch);
    await measureStatistics(batches, { forward, onBatch, mostBatches });
  }
  const trained = network.toGraph();
  return still ? compose(still, trained) : trained;
}

/**
 * Images a step: as asked, or the largest power of two from 8 to 128 that makes at least seven steps an epoch of these and
 * those held out, 8 where none does; never more than there are, and less what workers could not share alike.
 */
export function batchSizeFor(
  images: number,
  {
    heldOut = 0,
    asked,
    workers = 1,
  }: {
    readonly heldOut?: number;
    readonly asked?: number | undefined;
    readonly workers?: number | undefined;
  } = {},
): number {
  const power = 2 ** Math.floor(Math.log2((images + heldOut) / 7));
  const size = Math.min(images, asked ?? Math.min(128, Math.max(8, power)));
  return size - (size % workers);
}
