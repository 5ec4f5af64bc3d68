// Every failure that a user can cause or mend is one of these classes; each has its exit code.
// Anything else that reaches the command line is a bug in DeepObf (exit code 1).
import { limitMessage, printableLines } from "./text.ts";

/** Exit codes of the command line, as documented in docs/exit-codes.md. */
export const exitCodes = {
  done: 0,
  bug: 1,
  usage: 2,
  model: 3,
  data: 4,
  resources: 5,
  diverged: 6,
  gate: 7,
  worker: 8,
} as const;

/**
 * A failure with a message for the user: what was expected, for which name, what arrived, what to do. Whatever a
 * stranger's file put into it, the message is visible text of bounded length.
 */
export abstract class DeepObfError extends Error {
  /** That of all failures of a class. */
  static readonly exitCode: number;
  readonly exitCode: number;

  constructor(message: string, options?: ErrorOptions) {
    super(limitMessage(printableLines(message)), options);
    this.name = new.target.name;
    this.exitCode = new.target.exitCode;
  }
}

/** The command line, the configuration or an option is wrong. */
export class UsageError extends DeepObfError {
  static override readonly exitCode = exitCodes.usage;
}

/** The model file is damaged, hostile, or uses what DeepObf does not support. */
export class ModelError extends DeepObfError {
  static override readonly exitCode = exitCodes.model;
}

/** The data set is missing, damaged, or does not fit the model. */
export class DataError extends DeepObfError {
  static override readonly exitCode = exitCodes.data;
}

/** Disk, memory, device or a needed library is missing or used up. */
export class ResourceError extends DeepObfError {
  static override readonly exitCode = exitCodes.resources;
}

/** Training produced a loss that is not a number. */
export class DivergedError extends DeepObfError {
  static override readonly exitCode = exitCodes.diverged;
}

/** The run ended, but a quality gate was missed. */
export class GateError extends DeepObfError {
  static override readonly exitCode = exitCodes.gate;
  /** What the run answered all the same. */
  readonly summary: object | undefined;

  constructor(message: string, { summary }: { summary?: object } = {}) {
    super(message);
    this.summary = summary;
  }
}

/** Another worker of a data-parallel training is gone. */
export class WorkerError extends DeepObfError {
  static override readonly exitCode = exitCodes.worker;
}

/** The signal that an abort stands for, by its reason: a caller of the library need not give one. */
export function signalOf(reason: unknown): "SIGINT" | "SIGTERM" {
  return reason === "SIGTERM" || reason === "SIGHUP" ? "SIGTERM" : "SIGINT";
}

/** The user stopped the run by a signal; a checkpoint was written first. */
export class InterruptedError extends DeepObfError {
  override readonly exitCode: 130 | 143;
  readonly signal: "SIGINT" | "SIGTERM";

  constructor(signal: "SIGINT" | "SIGTERM", message: string) {
    super(message);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
    this.signal = signal;
  }
}

/** The failure with this exit code, of its class: as another process threw it. */
export function errorOfCode(exitCode: number, message: string): DeepObfError {
  const classes = [UsageError, ModelError, DataError, ResourceError, DivergedError, GateError];
  const Failure = [...classes, WorkerError].find((each) => each.exitCode === exitCode);
  return Failure
    ? new Failure(message)
    : new InterruptedError(exitCode === 143 ? "SIGTERM" : "SIGINT", message);
}

/**
 * Runs the tasks at the same time. Where several fail for what a user can mend, their messages become one error, of the
 * first one's class; an interruption stands for all.
 */
export async function all<T extends readonly unknown[]>(
  tasks: {
    readonly [K in keyof T]: () => Promise<T[K]>;
  },
): Promise<T> {
  const results = await Promise.allSettled(tasks.map((task) => task()));
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason] : [],
  );
  const [first] = failures;
  const interruption = failures.find((failure) => failure instanceof InterruptedError);
  if (interruption) throw interruption;
  if (failures.length > 1 && failures.every((failure) => failure instanceof DeepObfError)) {
    const message = failures.map((failure: DeepObfError) => failure.message).join("\n");
    throw new (first.constructor as typeof ModelError)(message, { cause: first });
  }
  if (failures.length > 0) throw first;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

const outOfMemory =
  /not enough memory|can't allocate memory|out of memory|Array buffer allocation failed|std::bad_alloc/i;

/**
 * Whether an error of libtorch (on the CPU, on CUDA), of the addon's kernels or of V8 says that memory ran out. Of our own
 * errors their cause tells: what they say may hold a stranger's names.
 */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof DeepObfError) return isOutOfMemory(error.cause);
  if (!(error instanceof Error)) return false;
  return outOfMemory.test(error.message);
}
