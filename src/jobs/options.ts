// Options that every training job has, and what is decided where the user leaves one open.
import { resolve } from "node:path";
import {
  assertBatchOptions,
  assertShareable,
  assertShownAs,
  type BatchOptions,
  type DataOptions,
  type Dataset,
  parseDataSpec,
} from "../data/index.ts";
import { UsageError } from "../errors.ts";
import { assertThreads, threadsHere } from "../evaluate/threads.ts";
import { cpuHasBfloat16, type Device, threads } from "../torch/index.ts";
import { learningRateOf, type OptimizerName } from "../train/index.ts";
import { jobDefaults } from "./defaults.ts";

/** What a user asks of every job; paths as the user gave them. */
export interface RunOptions extends DataOptions {
  /** Data set in the notation of docs/data.md. */
  readonly data: string;
  /** Passes over the training images; by default as many as show the job's usual number of images. */
  readonly epochs?: number;
  /** Folder of the run; must not exist. The first of runs/NAME-1, runs/NAME-2, ... that is free by default. */
  readonly out?: string;
  /** Mean and standard deviation of each channel, for pixels in [0, 1]; 0 and 1 by default. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** cpu, cuda or cuda:N. */
  readonly device?: string;
  readonly precision?: "auto" | "f32" | "bf16";
  readonly seed?: number;
  readonly threads?: number;
  /** Images a step; by default from the size of the data set and its images. */
  readonly batchSize?: number;
  /** Largest shift of random crops, in pixels. */
  readonly crop?: number;
  /** Whether mirrored images show the same thing. */
  readonly flip?: boolean;
  /** Time between two checkpoints; 60 by default, 0 for one after every step. */
  readonly checkpointSeconds?: number;
  /** How many processes train together, each with its share of every batch (docs/workers.md); 1 by default. */
  readonly workers?: number;
}

/** What a user asks of the training of one network. */
export interface LearningOptions {
  /** Muon for convolutions (default), or SGD for everything. */
  readonly optimizer?: OptimizerName;
  /** Highest learning rate, with Muon that of the convolutions; by default from the number of steps. */
  readonly learningRate?: number;
  /** Photos are shown in parts of at least this share of their area; whole by default. */
  readonly resizedCrop?: number;
  /** Share by which brightness, contrast and saturation change at most; by default they stay. */
  readonly colorJitter?: number;
  /** Parameter of mixup's distribution; 0 by default, for images as they are. */
  readonly mixup?: number;
  /** Share of the labels that is spread over all classes; 0 by default. */
  readonly labelSmoothing?: number;
  /** Share of the steps whose weights are averaged at the end; 0 by default, for the last weights. */
  readonly averageWeights?: number;
  /** So many of the training images are judged by in place of the test images; 0 by default. */
  readonly holdOut?: number;
  /** Whether the epochs are also written for TensorBoard. */
  readonly tensorboard?: boolean;
}

/** What a user asks of a job that trains one network. */
export type JobOptions = RunOptions & LearningOptions;

/** The same options, of which the named ones are decided. */
type Decided<Options, Key extends keyof Options> = Omit<Options, Key> &
  Required<Pick<Options, Key>>;

/** The options of every job with everything decided, as the folder of a run keeps them. */
export type ResolvedRunOptions = Decided<
  Omit<RunOptions, "device" | "precision">,
  "epochs" | "out" | "mean" | "std" | "seed" | "threads" | "crop" | "flip" | "checkpointSeconds"
> & {
  readonly device: Device;
  readonly precision: "f32" | "bf16";
};

/** The same of a job that trains one network. */
export type ResolvedJobOptions = Decided<ResolvedRunOptions, "batchSize"> &
  Decided<
    LearningOptions,
    "optimizer" | "learningRate" | "mixup" | "labelSmoothing" | "averageWeights" | "holdOut"
  >;

/** What every job has decided. */
export type JobBasics = Pick<
  ResolvedRunOptions,
  "out" | "epochs" | "seed" | "device" | "precision" | "threads" | "checkpointSeconds" | "workers"
> &
  Pick<LearningOptions, "tensorboard">;

/** What the decisions depend on besides the options. */
export interface Decisive {
  readonly dataset: Dataset;
  readonly device: Device;
}

/**
 * Decides what the user left open of what every job has. The same machine always decides the same. Throws UsageError for
 * options that do not fit the images or the machine.
 */
export function resolveRunOptions(
  options: RunOptions & { readonly out: string; readonly epochs: number },
  { dataset, device }: Decisive,
): ResolvedRunOptions {
  const [channels, height, width] = dataset.shape;
  const each = (value: number) => new Array<number>(channels).fill(value);
  const { precision = jobDefaults.precision } = options;
  const hasBfloat16 = device !== "cpu" || cpuHasBfloat16();
  const resolved: ResolvedRunOptions = {
    ...options,
    data: resolveSpec(options.data),
    out: resolve(options.out),
    ...(typeof options.classes === "string" && { classes: resolve(options.classes) }),
    mean: options.mean ?? each(jobDefaults.mean),
    std: options.std ?? each(jobDefaults.std),
    device,
    precision: precision === "auto" ? (hasBfloat16 ? "bf16" : "f32") : precision,
    seed: options.seed ?? jobDefaults.seed,
    threads: options.threads ?? threadsHere(threads()),
    crop: options.crop ?? Math.round(Math.min(height, width) / 16),
    flip: options.flip ?? false,
    checkpointSeconds: options.checkpointSeconds ?? jobDefaults.checkpointSeconds,
  };
  const { mean, std, crop, flip } = resolved;
  assertShownAs(dataset, { mean, std, augment: { crop, flip } });
  assertThreads(options.threads);
  return resolved;
}

/**
 * Decides what the user of a job left open that trains one network. `usualImages` is how many images it usually learns
 * from until it is done, the same one counted each time. Throws as `resolveRunOptions` does.
 */
export function resolveJobOptions(
  options: JobOptions & { readonly out: string },
  { usualImages, ...decisive }: Decisive & { readonly usualImages: number },
): ResolvedJobOptions {
  const { dataset } = decisive;
  const [, height, width] = dataset.shape;
  const images = dataset.count;
  const batchSize = options.batchSize ?? defaultBatchSize(images, height * width);
  const epochs = options.epochs ?? defaultEpochs(images, usualImages);
  const steps = epochs * Math.floor(images / batchSize);
  const optimizer = options.optimizer ?? "muon";
  const run = resolveRunOptions({ ...options, epochs }, decisive);
  const resolved: ResolvedJobOptions = {
    ...options,
    ...run,
    batchSize,
    optimizer,
    learningRate: options.learningRate ?? learningRateOf({ optimizer, batchSize, steps }),
    crop: options.crop ?? (options.resizedCrop ? 0 : run.crop),
    mixup: options.mixup ?? jobDefaults.mixup,
    labelSmoothing: options.labelSmoothing ?? jobDefaults.labelSmoothing,
    averageWeights: options.averageWeights ?? jobDefaults.averageWeights,
    holdOut: options.holdOut ?? jobDefaults.holdOut,
  };
  assertBatchOptions(dataset, batchOptions(resolved));
  assertShareable(batchOptions(resolved), { size: options.workers ?? 1 });
  const { labelSmoothing, averageWeights } = resolved;
  assertShares({ "--label-smoothing": labelSmoothing, "--average-weights": averageWeights });
  return resolved;
}

/** How the training images are dealt out. */
export function batchOptions(options: ResolvedJobOptions): BatchOptions {
  const { batchSize: batch, mean, std, seed, device } = options;
  const { crop, flip, mixup, resizedCrop, colorJitter } = options;
  const photos = {
    ...(resizedCrop !== undefined && { resizedCrop }),
    ...(colorJitter !== undefined && { colorJitter }),
  };
  const augment = { crop, flip, mixup, ...photos };
  return { batch, mean, std, seed, device, augment, dropLast: true };
}

/** Throws UsageError for values that are no shares of 1, by the names of their options. */
export function assertShares(values: Readonly<Record<string, number>>): void {
  const wrong = Object.entries(values).filter(([, value]) => !(value >= 0 && value <= 1));
  if (wrong.length === 0) return;
  const complaints = wrong.map(
    ([name, value]) => `${name}: expected a number from 0 to 1, received ${value}`,
  );
  throw new UsageError(complaints.join("\n"));
}

/** Throws UsageError for lists that name something twice, by the names of their options: it would be done twice. */
export function assertDistinct(
  lists: Readonly<Record<string, readonly unknown[] | undefined>>,
): void {
  const complaints = Object.entries(lists).flatMap(([name, list = []]) =>
    new Set(list).size < list.length ? [`${name}: expected each once, received ${list}`] : [],
  );
  if (complaints.length > 0) throw new UsageError(complaints.join("\n"));
}

/** Throws UsageError unless there is at least one epoch, where a number is given. */
export function assertEpochs(epochs: number | undefined): void {
  if (epochs === undefined || (Number.isInteger(epochs) && epochs >= 1)) return;
  throw new UsageError(`--epochs: expected a whole number from 1, received ${epochs}`);
}

const [fewestEpochs, mostEpochs] = [8, 200];

/** As many passes as show the usual number of images: few images are shown more often, up to a point. */
function defaultEpochs(images: number, usualImages: number): number {
  return Math.min(mostEpochs, Math.max(fewestEpochs, Math.round(usualImages / images)));
}

/** The data set's notation with the whole path, so that a run can be resumed from any folder. */
export function resolveSpec(spec: string): string {
  const { format, folder } = parseDataSpec(spec);
  return `${format}:${resolve(folder)}`;
}

/**
 * A power of two from 16 to 256: at least 85 steps an epoch, and no more pixels than fit in memory. Fewer where
 * there are fewer images. Batches of 512 leave chains of CIFAR-10 further from their original in as many epochs
 * (docs/recipe.md, "Five convolutions").
 */
function defaultBatchSize(images: number, pixels: number): number {
  const most = Math.min(256, images / 85, (512 * 32 * 32) / pixels);
  return Math.min(images, Math.max(16, 2 ** Math.floor(Math.log2(most))));
}
