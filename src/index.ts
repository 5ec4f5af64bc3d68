// DeepObf as a library: the jobs of the command line as functions. libtorch and ONNX Runtime are loaded
// when a job that needs them starts.
import type { AttackOptions, AttackSummary } from "./attack/index.ts";
import type { CheckOptions, CheckResult } from "./evaluate/check.ts";
import type { EvaluateOptions, EvaluateSummary } from "./evaluate/evaluateModel.ts";
import type { Inspection, InspectOptions } from "./evaluate/inspect.ts";
import type { TrainOptions, TrainSummary } from "./jobs/index.ts";
import type { ObfuscateOptions, ObfuscateSummary } from "./obfuscate/index.ts";
import type { JobHooks } from "./runs/index.ts";

export {
  DataError,
  DeepObfError,
  DivergedError,
  GateError,
  InterruptedError,
  ModelError,
  ResourceError,
  UsageError,
} from "./errors.ts";
export type { JobHooks, ProgressEvent } from "./runs/index.ts";
export type {
  AttackOptions,
  AttackSummary,
  CheckOptions,
  CheckResult,
  EvaluateOptions,
  EvaluateSummary,
  Inspection,
  ObfuscateOptions,
  ObfuscateSummary,
  TrainOptions,
  TrainSummary,
};

const jobs = {
  attack: async () => (await import("./attack/index.ts")).attackJob,
  obfuscate: async () => (await import("./obfuscate/index.ts")).obfuscationJob,
  train: async () => (await import("./jobs/index.ts")).referenceJob,
} as const;

/** Turns a trained network into a plain chain of convolutions; see `deepobf obfuscate`. */
export async function obfuscate(
  options: ObfuscateOptions,
  hooks?: JobHooks,
): Promise<ObfuscateSummary> {
  return (await jobs.obfuscate()).start(options, hooks);
}

/** Trains a reference model; see `deepobf train`. */
export async function train(options: TrainOptions, hooks?: JobHooks): Promise<TrainSummary> {
  return (await jobs.train()).start(options, hooks);
}

/** Measures what a pirate gets out of a file; see `deepobf attack`. */
export async function attack(options: AttackOptions, hooks?: JobHooks): Promise<AttackSummary> {
  return (await jobs.attack()).start(options, hooks);
}

/** Continues an interrupted run of any job; see `deepobf resume`. Throws UsageError where it is none. */
export async function resume(
  directory: string,
  hooks?: JobHooks,
): Promise<ObfuscateSummary | TrainSummary | AttackSummary> {
  const { readConfig } = await import("./runs/index.ts");
  const { job } = await readConfig(directory);
  const name = job === "train" || job === "attack" ? job : "obfuscate";
  return (await jobs[name]()).resume(directory, hooks);
}

/** Accuracy and speed on the test images; see `deepobf evaluate`. */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateSummary> {
  return (await import("./evaluate/evaluateModel.ts")).evaluateModel(options);
}

/** Runs a model on libtorch and in ONNX Runtime and compares; see `deepobf check`. */
export async function check(options: CheckOptions): Promise<CheckResult> {
  return (await import("./evaluate/check.ts")).checkModel(options);
}

/** What an attacker sees in a model file; see `deepobf inspect`. */
export async function inspect(options: InspectOptions): Promise<Inspection> {
  return (await (await import("./evaluate/inspect.ts")).inspectModel(options)).inspection;
}
