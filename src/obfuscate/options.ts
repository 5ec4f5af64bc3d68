// What a user asks of the main job, and what it answers.
import { resolve } from "node:path";
import type { Data } from "../data/index.ts";
import { UsageError } from "../errors.ts";
import type { Interval, Latency, PairedTest } from "../evaluate/index.ts";
import { jobDefaults } from "../jobs/defaults.ts";
import {
  assertDistinct,
  assertShares,
  type JobOptions,
  type Located,
  type ResolvedJobOptions,
  type RunFacts,
  resolveJobOptions,
  resolveSpec,
} from "../jobs/index.ts";
import type { Quantization, QuantizedFiles } from "../quantize/index.ts";
import type { Device } from "../torch/index.ts";
import { defaultDepth, defaultLoss, defaultTuneClassifier } from "./defaults.ts";
import type { JointLoss } from "./jointLoss.ts";
import { assertNeedsNoLabels, lossFor } from "./unlabelled.ts";

/** Options of `deepobf obfuscate`. */
export interface ObfuscateOptions extends JobOptions, Partial<JointLoss> {
  /** The original, an ONNX file. */
  readonly model: string;
  /** Number of convolutions of the chain; 7 by default. */
  readonly depth?: number;
  /** Trains for about so many minutes in place of a number of epochs, by the speed that is measured. */
  readonly minutes?: number;
  /** Further images to learn from, whatever they show, in the notation of `data`; their labels do not count. */
  readonly extraData?: string;
  /** Output that tells the classes apart; the one that comes from a linear layer by default. */
  readonly output?: string;
  /** Tensor that ends the extractor; found in the graph by default. */
  readonly boundary?: string;
  /** Whether parts of the chain learn parts of the original first; direct by default. */
  readonly simulation?: "recursive" | "direct";
  /** Share of the last steps in which the classifier learns as well; 0 by default, for the original's. */
  readonly tuneClassifier?: number;
  /** Goes on although the original's answers cannot be its own. */
  readonly acceptOriginal?: boolean;
  /** Most MACs of the chain. */
  readonly maxMacs?: number;
  /** Other types of numbers that the shipped file is written in as well; none by default. */
  readonly quantize?: readonly Quantization[];
  /** Gates: a missed one is exit code 7, after everything is written. */
  readonly maxLatencyRatio?: number;
  readonly minAccuracy?: number;
  readonly maxAccuracyDrop?: number;
}

/** What gave no loss on CIFAR-10 (docs/results.md): shorter chains take longer. */
const [epochsOfUsual, epochsOfShort, imagesOfCifar10] = [16, 32, 50_000];

/** The options of a run with everything decided, as its folder keeps them. */
export type ResolvedOptions = Omit<ObfuscateOptions, "minutes"> &
  ResolvedJobOptions &
  JointLoss & {
    readonly depth: number;
    readonly simulation: "recursive" | "direct";
    readonly tuneClassifier: number;
  };

/** Throws UsageError for options that make no sense together, whatever the data are. */
export function assertConsistent({ minutes, ...options }: ObfuscateOptions): void {
  if (minutes !== undefined && options.epochs !== undefined) {
    throw new UsageError("--minutes: expected in place of --epochs, received both");
  }
  if (minutes !== undefined && options.simulation === "recursive") {
    throw new UsageError(
      "--minutes: expected --simulation direct, whose steps are what is timed, received recursive; give --epochs",
    );
  }
  const { labelSmoothing } = jobDefaults;
  const usual = { ...defaultLoss, labelSmoothing, tuneClassifier: defaultTuneClassifier };
  const decided = { ...usual, ...options };
  assertLoss(decided);
  assertNothingIdle(decided);
  assertShares({ "--tune-classifier": decided.tuneClassifier });
  assertDistinct({ "--quantize": decided.quantize });
}

/** The options with everything decided. Throws UsageError for those that make no sense together. */
export function resolveOptions(
  { minutes: _, ...options }: Located<ObfuscateOptions> & { readonly depth: number },
  { data, device }: { data: Data; device: Device },
): ResolvedOptions {
  const usualEpochs = options.depth < defaultDepth ? epochsOfShort : epochsOfUsual;
  const usualImages = usualEpochs * imagesOfCifar10;
  const resolved: ResolvedOptions = {
    ...defaultLoss,
    ...lossFor(data.train),
    ...options,
    ...resolveJobOptions(options, { dataset: data.train, device, usualImages }),
    ...(options.extraData && { extraData: resolveSpec(options.extraData) }),
    model: resolve(options.model),
    simulation: options.simulation ?? "direct",
    tuneClassifier: options.tuneClassifier ?? defaultTuneClassifier,
  };
  assertNeedsNoLabels(options, data.train);
  assertConsistent(resolved);
  return resolved;
}

/** Throws UsageError for weights and a temperature that make no loss, or none of what is to learn. */
function assertLoss(loss: JointLoss & { readonly tuneClassifier: number }): void {
  const { featureWeight, labelWeight, distillationWeight, temperature, tuneClassifier } = loss;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new UsageError(`--temperature: expected a number above 0, received ${temperature}`);
  }
  const values = [featureWeight, labelWeight, distillationWeight];
  const areValid = values.every((value) => Number.isFinite(value) && value >= 0);
  if (areValid && tuneClassifier > 0 && labelWeight + distillationWeight === 0) {
    throw new UsageError(
      "--tune-classifier: expected a --label-weight or a --distillation-weight above 0, by which the " +
        "classifier learns, received 0 and 0",
    );
  }
  if (areValid && values.some((value) => value > 0)) return;
  throw new UsageError(
    "--feature-weight, --label-weight, --distillation-weight: expected numbers from 0, one of them " +
      `above 0, received ${values.join(", ")}`,
  );
}

/** Throws UsageError for a choice of a term that has no weight, unless it is the default. */
function assertNothingIdle(loss: JointLoss): void {
  const { labelWeight, labelSmoothing, distillationWeight, temperature } = loss;
  if (labelWeight === 0 && labelSmoothing > 0) {
    throw new UsageError(
      `--label-smoothing: expected a --label-weight above 0, or no smoothing, received ${labelSmoothing}`,
    );
  }
  if (distillationWeight === 0 && temperature !== defaultLoss.temperature) {
    throw new UsageError(
      `--temperature: expected a --distillation-weight above 0, or ${defaultLoss.temperature}, the default, received ` +
        `${temperature}`,
    );
  }
}

/** The figures of one model. Accuracy is a share of 1 on the test or held-out images, single view. */
export interface ModelFigures {
  readonly accuracy: number;
  /** 95 % confidence interval of the accuracy (Wilson's). */
  readonly accuracyInterval: Interval;
  readonly parameters: number;
  /** Multiply-accumulate operations for one image. */
  readonly macs: number;
  readonly convolutions: number;
  readonly bytes: number;
  /** Median milliseconds in ONNX Runtime. */
  readonly latencyMs: Latency;
  readonly sha256: string;
}

/** What the main job finds out. */
export interface ObfuscateResults {
  readonly original: ModelFigures;
  readonly obfuscated: ModelFigures;
  readonly verify: {
    /** Largest difference between the shipped file's logits and those of the trained network. */
    readonly maxAbsDiff: number;
    /** The same over the largest absolute logit. */
    readonly maxRelDiff: number;
    /** Number of test or held-out images. */
    readonly samples: number;
    /** Share of these that the original and the shipped file classify alike. */
    readonly agreement: number;
    /**
     * Images that only the original, and only the shipped file, classifies rightly, and McNemar's test of that
     * difference; absent where images have no labels.
     */
    readonly paired?: PairedTest;
    /**
     * Squared differences of the logits of the original and of the shipped file on the test images, less each
     * image's mean, over the squares of the original's: how far the simulation is off.
     */
    readonly logitError: number;
    /**
     * The same on images that the chain was trained on, at most a thousand of them. Where it is alike, a wider
     * chain would come closer; where it is much smaller, more images or more varied ones would.
     */
    readonly trainingLogitError: number;
    /** Largest difference between the logits of the original and of the shipped file. */
    readonly maxAbsDiffToOriginal: number;
    /** Of `predictions.json`, which holds the answers of both to every image. */
    readonly predictionsSha256: string;
  };
  /** The shipped file in the other types of numbers that were asked for. */
  readonly quantized?: QuantizedFiles;
  readonly depth: number;
  /** What a reader of these figures should know, a sentence each. */
  readonly warnings: readonly string[];
}

/** What `deepobf obfuscate --json` prints. */
export type ObfuscateSummary = ObfuscateResults & RunFacts;
