// Training a reference model from scratch on labels: the originals of experiments.
import { type Batch, Batches, type Data, describeData, holdOut, loadData } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import { evaluate, OnnxClassifier } from "../evaluate/index.ts";
import { countCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";
import { foldBatchNorm } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { architectureNamed } from "../models/index.ts";
import { writeModel } from "../onnx/index.ts";
import { OnnxSession } from "../runtime/index.ts";
import { libtorchVersion, manualSeed, parseDevice, setThreads } from "../torch/index.ts";
import { averageOf } from "./averaging.ts";
import {
  assertEpochs,
  batchOptions,
  type JobOptions,
  type ResolvedJobOptions,
  resolveJobOptions,
} from "./jobOptions.ts";
import { startOfStage, throwIfStopped, train } from "./loop.ts";
import { labelLoss } from "./losses.ts";
import type { JobHooks } from "./progress.ts";
import { recipe } from "./recipe.ts";
import { assertNew, RunFolder } from "./runFolder.ts";
import { linearDecay } from "./schedule.ts";
import { loadState, trainingState } from "./state.ts";

export interface TrainOptions extends JobOptions {
  /** A name of `architectures`. */
  readonly architecture: string;
}

/** What `deepobf train --json` prints. Accuracy is a share of 1 on the test or held-out images, single view. */
export interface TrainSummary {
  readonly architecture: string;
  readonly accuracy: number;
  readonly parameters: number;
  readonly macs: number;
  readonly epochs: number;
  readonly seed: number;
  readonly device: string;
  readonly precision: "f32" | "bf16";
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly files: {
    readonly model: string;
    readonly summary: string;
    readonly metrics: string;
    readonly config: string;
  };
}

interface RunConfig {
  readonly job: "train";
  readonly options: ResolvedTrainOptions;
  readonly versions: Readonly<Record<string, string>>;
}

type ResolvedTrainOptions = ResolvedJobOptions & Required<TrainOptions>;

const warmUp = 0.05;

/**
 * Trains a reference model on labels and writes it as ONNX, batch norm folded, to the folder
 * `options.out`. Throws a DeepObfError.
 */
export async function trainReference(
  options: TrainOptions,
  hooks: JobHooks = {},
): Promise<TrainSummary> {
  assertNew(options.out);
  assertEpochs(options.epochs);
  architectureNamed(options.architecture);
  const device = parseDevice(options.device ?? "cpu");
  const data = holdOut(await loadData(options.data), options.holdOut ?? 0);
  const resolved = resolveJobOptions(options, { dataset: data.train, device });
  const config: RunConfig = {
    job: "train",
    options: { ...resolved, architecture: options.architecture },
    versions: { node: process.versions.node, libtorch: libtorchVersion() },
  };
  const run = await RunFolder.create(config.options.out, config);
  return run.whileLocked(() => execute(run, { config, data, hooks }));
}

/** Continues an interrupted training; gives the summary again where it is done. Throws a DeepObfError. */
export async function resumeReference(
  directory: string,
  hooks: JobHooks = {},
): Promise<TrainSummary> {
  const { run, config } = await RunFolder.open(directory, "train");
  const finished = await run.readSummary();
  if (finished) return finished as TrainSummary;
  return run.whileLocked(async () => {
    const { options } = config as RunConfig;
    const data = holdOut(await loadData(options.data), options.holdOut);
    return execute(run, { config: config as RunConfig, data, hooks });
  });
}

interface Job {
  readonly config: RunConfig;
  readonly data: Data;
  readonly hooks: JobHooks;
}

async function execute(run: RunFolder, job: Job): Promise<TrainSummary> {
  const { config, data, hooks } = job;
  const { architecture, device, precision, mean, std, seed, epochs, threads } = config.options;
  hooks.onProgress?.({ type: "message", text: describeData(data) });
  setThreads(threads);
  manualSeed(seed);
  const trained = await trainNetwork(run, job);
  await writeModel(foldBatchNorm(trained), run.files.model);
  await using session = await OnnxSession.open(run.files.model, { threads });
  const classifier = await OnnxClassifier.open(session, data.test);
  const { accuracy } = await evaluate(classifier, data.test, {
    ...{ mean, std, onProgress: () => throwIfStopped(hooks, run) },
  });
  const { parameters, macs } = countCost(trained, inferShapes(trained));
  const summary: TrainSummary = {
    ...{ architecture, accuracy, parameters, macs, epochs, seed, device, precision },
    ...{ seconds: run.seconds, versions: config.versions, files: run.files },
  };
  await run.finish(summary);
  return summary;
}

async function trainNetwork(run: RunFolder, { config, data, hooks }: Job): Promise<Graph> {
  const { options } = config;
  const { architecture, device, precision, seed, epochs, labelSmoothing } = options;
  const { shape, classes } = data.train;
  const graph = architectureNamed(architecture)({ shape, classes: classes.length, seed });
  const network = new Network(graph, { device, precision, trainable: true });
  const optimizers = recipe(network.parameters, options);
  const batches = new Batches(data.train, batchOptions(options));
  const average = averageOf(network.parameters, {
    ...{ share: options.averageWeights, steps: epochs * batches.length },
  });
  const learner = { network, optimizers, average };
  const forward = ({ images }: Batch, batchWeight?: number) =>
    network.forward({ input: images }, { training: true, batchWeight });
  const keeper = run.keeper(0, () => trainingState(learner));
  try {
    const checkpoint = await run.readCheckpoint();
    if (checkpoint) loadState(checkpoint.tensors, learner);
    await train(
      {
        ...{ stage: architecture, batches, epochs, optimizers, average },
        schedule: linearDecay(warmUp),
        losses: (batch) => {
          const [logits] = Object.values(forward(batch));
          const value = labelLoss(logits!, batch, labelSmoothing);
          return [{ name: "label", weight: 1, value }];
        },
      },
      { from: checkpoint ?? startOfStage, keeper, hooks },
    );
    await average?.apply(batches, { forward, onBatch: () => throwIfStopped(hooks, keeper) });
    return network.toGraph();
  } finally {
    for (const owner of [network, batches, average, ...optimizers]) owner?.dispose();
  }
}
