// What a user asks of the main job, and what it answers.
import type { Latency } from "../evaluate/index.ts";
import type { Overparameterization } from "../models/index.ts";
import type { Quantization, QuantizedFiles } from "../quantize/index.ts";
import type { JobOptions, ResolvedJobOptions, RunFiles } from "../train/index.ts";
import type { JointLoss } from "./joint.ts";

/** Options of `deepobf obfuscate`. */
export interface ObfuscateOptions extends JobOptions, Partial<JointLoss> {
  /** The original, an ONNX file. */
  readonly model: string;
  /** Number of convolutions of the chain. */
  readonly depth: number;
  /** Tensor that ends the extractor; found in the graph by default. */
  readonly boundary?: string;
  /** Whether parts of the chain learn parts of the original first; direct by default. */
  readonly simulation?: "recursive" | "direct";
  /** Which linear 1x1 convolutions stand with the chain's while these learn; none by default. */
  readonly overparameterized?: Overparameterization;
  /** Share of the last steps in which the classifier learns as well; 0 by default, for the original's. */
  readonly tuneClassifier?: number;
  /** Most MACs of the chain. */
  readonly maxMacs?: number;
  /** Other types of numbers that the shipped file is written in as well; none by default. */
  readonly quantize?: readonly Quantization[];
  /** Gates: a missed one is exit code 7, after everything is written. */
  readonly maxLatencyRatio?: number;
  readonly minAccuracy?: number;
  readonly maxAccuracyDrop?: number;
}

/** The options of a run with everything decided, as its folder keeps them. */
export type ResolvedOptions = ObfuscateOptions &
  ResolvedJobOptions &
  JointLoss & {
    readonly simulation: "recursive" | "direct";
    readonly overparameterized: Overparameterization;
    readonly tuneClassifier: number;
  };

/** The figures of one model. Accuracy is a share of 1 on the test or held-out images, single view. */
export interface ModelFigures {
  readonly accuracy: number;
  readonly parameters: number;
  /** Multiply-accumulate operations for one image. */
  readonly macs: number;
  readonly convolutions: number;
  readonly bytes: number;
  /** Median milliseconds in ONNX Runtime. */
  readonly latencyMs: Latency;
  readonly sha256: string;
}

/** What `deepobf obfuscate --json` prints. */
export interface ObfuscateSummary {
  readonly original: ModelFigures;
  readonly obfuscated: ModelFigures;
  readonly verify: {
    /** Largest difference between the shipped file's logits and those of the trained network. */
    readonly maxAbsDiff: number;
    /** The same over the largest absolute logit. */
    readonly maxRelDiff: number;
    /** Share of test images that the original and the shipped file classify alike. */
    readonly agreement: number;
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
  };
  /** The shipped file in the other types of numbers that were asked for. */
  readonly quantized?: QuantizedFiles;
  readonly depth: number;
  readonly epochs: number;
  readonly seed: number;
  readonly device: string;
  readonly precision: "f32" | "bf16";
  /** Time of the whole job, over all its parts where it was resumed. */
  readonly seconds: number;
  /** Largest resident set of the process that ended the job, without ONNX Runtime's own. */
  readonly peakMemoryBytes: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Paths of what the run made. */
  readonly files: RunFiles;
}
