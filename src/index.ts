// DeepObf as a library: the jobs of the command line as functions. libtorch and ONNX Runtime are loaded
// when a job that needs them starts.
import type { AttackOptions, AttackSummary } from "./attack/index.ts";
import { UsageError } from "./errors.ts";
import type { CheckOptions, CheckResult } from "./evaluate/check.ts";
import type { EvaluateOptions, EvaluateSummary } from "./evaluate/evaluateModel.ts";
import type { Inspection, InspectOptions } from "./evaluate/inspect.ts";
import type { TrainOptions, TrainSummary } from "./jobs/index.ts";
import { jobs, readJobConfig } from "./library/jobs.ts";
import { goingOn, type WithModelSource, withModelFile } from "./library/modelFile.ts";
import type { givenOptions } from "./library/options.ts";
import { inLibraryWords } from "./library/words.ts";
import type { Examination } from "./machine/diagnose.ts";
import type {
  Description,
  ObfuscateOptions,
  ObfuscateSummary,
  ResolvedOptions,
} from "./obfuscate/index.ts";
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
  WorkerError,
} from "./errors.ts";
export type { ModelSource, WithModelSource } from "./library/modelFile.ts";
export {
  type ImageSample,
  type ImageSamples,
  type SavedImages,
  saveImages,
} from "./library/saveImages.ts";
export type { JobHooks, ProgressEvent } from "./runs/index.ts";
export { PartDone } from "./workers/partDone.ts";
export type {
  AttackOptions,
  AttackSummary,
  CheckOptions,
  CheckResult,
  Description,
  EvaluateOptions,
  EvaluateSummary,
  Examination,
  Inspection,
  ObfuscateOptions,
  ObfuscateSummary,
  ResolvedOptions,
  TrainOptions,
  TrainSummary,
};

/** Does what a function was asked for, once its options and hooks are what it can take. */
function asked<Options extends object, T>(
  name: Parameters<typeof givenOptions>[0],
  { options, hooks }: { readonly options: Options; readonly hooks?: JobHooks | undefined },
  work: (given: Options) => Promise<T>,
): Promise<T> {
  return inLibraryWords(async () => {
    const library = await import("./library/options.ts");
    const given = await library.givenOptions(name, options);
    library.assertHooks(name, hooks);
    return work(given);
  });
}

/** Starts a job on a model that may be a temporary file, which is kept once the run has its folder, and can be resumed. */
function starting<Asked, Summary>(
  job: () => Promise<{ start(options: Asked, hooks: JobHooks): Promise<Summary> }>,
  hooks?: JobHooks,
) {
  return async (located: Asked, keep: () => void): Promise<Summary> => {
    const onProgress: JobHooks["onProgress"] = (event) => {
      if (event.type === "prepared") keep();
      hooks?.onProgress?.(event);
    };
    return (await job()).start(located, { ...hooks, onProgress });
  };
}

/**
 * Turns a trained network into a plain chain of convolutions; see `deepobf obfuscate`. The event `prepared` brings
 * the plan as data: its `description` is a `Description`.
 */
export function obfuscate(
  options: WithModelSource<ObfuscateOptions>,
  hooks?: JobHooks<Description>,
): Promise<ObfuscateSummary> {
  return asked("obfuscate", { options, hooks }, (given) =>
    withModelFile(given, starting(jobs.obfuscate, hooks)),
  );
}

/** What `obfuscate` would do. */
export interface Plan extends Description {
  /** The options with everything decided that was left open. */
  readonly options: Omit<ResolvedOptions, "out" | "model">;
}

/**
 * Checks model and data, judges the original and plans the chain as `obfuscate` does before it trains, and writes
 * nothing. Throws what `obfuscate` would.
 */
export function plan(
  options: WithModelSource<Omit<ObfuscateOptions, "out">>,
  hooks?: JobHooks,
): Promise<Plan> {
  return asked("obfuscate", { options, hooks }, (given) =>
    withModelFile(given, async (located) => {
      const { prepare } = await import("./obfuscate/index.ts");
      const prepared = await prepare({ ...located, out: "" }, hooks);
      const { out: _, model: __, ...decided } = prepared.options;
      return { ...prepared.description, options: decided };
    }),
  );
}

/** Trains a reference model; see `deepobf train`. */
export function train(options: TrainOptions, hooks?: JobHooks): Promise<TrainSummary> {
  return asked("train", { options, hooks }, async (given) =>
    (await jobs.train()).start(given, hooks),
  );
}

/** Measures what a pirate gets out of a file; see `deepobf attack`. */
export function attack(
  options: WithModelSource<AttackOptions>,
  hooks?: JobHooks,
): Promise<AttackSummary> {
  return asked("attack", { options, hooks }, (given) =>
    withModelFile(given, starting(jobs.attack, hooks)),
  );
}

/** Continues an interrupted run of any job; see `deepobf resume`. Throws UsageError where it is none. */
export function resume(
  directory: string,
  hooks?: JobHooks,
): Promise<ObfuscateSummary | TrainSummary | AttackSummary> {
  return inLibraryWords(async () => {
    if (typeof directory !== "string") {
      throw new UsageError(`expected the folder of a run, received ${typeof directory}`);
    }
    const { assertHooks } = await import("./library/options.ts");
    assertHooks("resume", hooks);
    const { job, options } = await readJobConfig(directory);
    return goingOn<ObfuscateSummary | TrainSummary | AttackSummary>(options, async () =>
      (await jobs[job]()).resume(directory, hooks),
    );
  });
}

/** Accuracy and speed on the test images; see `deepobf evaluate`. */
export function evaluate(options: WithModelSource<EvaluateOptions>): Promise<EvaluateSummary> {
  return asked("evaluate", { options }, (given) =>
    withModelFile(given, async (located) =>
      (await import("./evaluate/evaluateModel.ts")).evaluateModel(located),
    ),
  );
}

/** Runs a model on libtorch and in ONNX Runtime and compares; see `deepobf check`. */
export function check(options: WithModelSource<CheckOptions>): Promise<CheckResult> {
  return asked("check", { options }, (given) =>
    withModelFile(given, async (located) =>
      (await import("./evaluate/check.ts")).checkModel(located),
    ),
  );
}

/** What an attacker sees in a model file; see `deepobf inspect`. */
export function inspect(options: WithModelSource<InspectOptions>): Promise<Inspection> {
  return asked("inspect", { options }, (given) =>
    withModelFile(given, async (located) =>
      (await import("./evaluate/inspect.ts")).inspectModel(located),
    ),
  );
}

/** What was found on this machine, and what is missing; see `deepobf doctor`. */
export async function doctor(): Promise<Examination> {
  return (await import("./machine/diagnose.ts")).examineMachine();
}
