// Training a reference model from scratch on labels: the originals of experiments.
import { z } from "zod";
import {
  assertForUnitPixels,
  assertLabelled,
  assertSeveralClasses,
  type Batch,
  Batches,
  type Data,
  type DataFacts,
  dataFacts,
  fingerprint,
  holdOut,
  type Labelled,
  loadData,
} from "../data/index.ts";
import { Network } from "../engine/index.ts";
import { evaluate, notesOnFew, OnnxClassifier } from "../evaluate/index.ts";
import { countCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";
import { foldBatchNorm } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { architectureNamed } from "../models/index.ts";
import { writeModel } from "../onnx/index.ts";
import { assertStage, throwIfStopped } from "../runs/index.ts";
import { count, figure } from "../schema.ts";
import { parseDevice } from "../torch/index.ts";
import {
  averageOf,
  Learner,
  labelLoss,
  linearDecay,
  optimizersFor,
  train,
  wholeJob,
} from "../train/index.ts";
import { jobDefaults } from "./defaults.ts";
import type { JobTypes, RunFacts, Work } from "./definition.ts";
import { beginVerifying, defineJob } from "./job.ts";
import { memoryOfTraining } from "./memory.ts";
import {
  batchOptions,
  type JobOptions,
  type ResolvedJobOptions,
  resolveJobOptions,
} from "./options.ts";
import { jobOptions } from "./schema.ts";

export interface TrainOptions extends JobOptions {
  /** A name of `architectures`. */
  readonly architecture: string;
}

/** What a trained reference model is like. Accuracy is a share of 1 on the test or held-out images, single view. */
export interface ReferenceFigures {
  readonly architecture: string;
  readonly accuracy: number;
  readonly parameters: number;
  readonly macs: number;
}

/** What `deepobf train --json` prints. */
export type TrainSummary = ReferenceFigures & RunFacts;

/** What was decided before the training, as config.json of a run and progress events hold it. */
export interface TrainDescription {
  readonly data: DataFacts;
}

/** The types of the job that trains reference models. */
export interface ReferenceTypes extends JobTypes {
  readonly asked: TrainOptions;
  readonly decided: ResolvedJobOptions & TrainOptions;
  readonly inputs: Data & { readonly train: Labelled };
  readonly description: TrainDescription;
  readonly results: ReferenceFigures;
}

const warmUp = 0.05;
/** 32 epochs of CIFAR-10. */
const usualImages = 32 * 50_000;

/** Trains a reference model on labels and writes it as ONNX, batch norm folded. */
export const referenceJob = defineJob<ReferenceTypes>({
  name: "train",
  runName: ({ architecture }) => architecture,
  optionsSchema: z.strictObject({ ...jobOptions, architecture: z.string() }),
  resultSchemas: { architecture: z.string(), accuracy: figure, parameters: count, macs: count },

  async prepare(options) {
    const { architecture } = options;
    architectureNamed(architecture);
    const device = parseDevice(options.device ?? "cpu");
    assertForUnitPixels({ mean: options.mean ?? [], std: options.std ?? [] });
    const data = holdOut(
      await loadData(options.data, options),
      options.holdOut ?? jobDefaults.holdOut,
    );
    const { train, test } = data;
    assertLabelled(train, "training a reference model");
    assertSeveralClasses(train);
    const resolved = resolveJobOptions(options, { dataset: data.train, device, usualImages });
    return {
      options: { ...resolved, architecture },
      inputs: { train, test },
      identity: { data: (await fingerprint(data)).data },
      description: { data: dataFacts(data, notesOnFew(test)) },
    };
  },

  memory: ({ train: { shape, classes } }, { architecture, seed, ...options }) =>
    memoryOfTraining(
      architectureNamed(architecture)({ shape, classes: classes.length, seed }),
      options,
    ),

  async execute(work) {
    const { options, inputs: data, run, hooks } = work;
    const { architecture, mean, std, threads } = options;
    hooks.onProgress?.({ type: "phase", phase: "train" });
    const trained = await trainNetwork(work);
    beginVerifying(work);
    await writeModel(foldBatchNorm(trained), run.files.model);
    await using classifier = await OnnxClassifier.open(run.files.model, data.test, { threads });
    const onProgress = () => throwIfStopped(hooks, run);
    const { accuracy } = await evaluate(classifier, data.test, { mean, std, onProgress });
    const { parameters, macs } = countCost(trained, inferShapes(trained));
    return { architecture, accuracy, parameters, macs };
  },
});

async function trainNetwork(work: Work<ReferenceTypes>): Promise<Graph> {
  const { options, inputs, checkpoint } = work;
  assertStage(checkpoint, 1);
  const { architecture, device, precision, seed, epochs, labelSmoothing } = options;
  const { shape, classes } = inputs.train;
  const graph = architectureNamed(architecture)({ shape, classes: classes.length, seed });
  using network = new Network(graph, { device, precision, trainable: true });
  using batches = new Batches(inputs.train, batchOptions(options));
  const { parameters, buffers } = network;
  const steps = epochs * batches.length;
  using learner = new Learner({
    parameters,
    buffers,
    optimizers: optimizersFor(graph, parameters, options),
    average: averageOf(parameters, { share: options.averageWeights, steps }),
  });
  const forward = ({ images }: Batch, batchWeight?: number) =>
    network.apply(images, { training: true, batchWeight });
  const stage = {
    index: 0,
    name: architecture,
    learner,
    batches,
    epochs,
    part: wholeJob(steps),
    forward,
    schedule: linearDecay(warmUp),
    losses: (batch: Batch) => [
      { name: "label", weight: 1, value: labelLoss(forward(batch), batch, labelSmoothing) },
    ],
  };
  await train(stage, work);
  return network.toGraph();
}
