// What a long job tells its caller while it runs, and how the caller stops it.

import { ownCommand } from "../../native/remedies.mjs";
import { InterruptedError, signalOf } from "../errors.ts";
import { quoteForShell } from "../text.ts";

/** The parts that every job has, in order, as people read them. */
export const phases = {
  prepare: "checking model and data",
  train: "training",
  verify: "verifying",
} as const;

export type Phase = keyof typeof phases;

/** Events of a running job, in order. Rates are images a second, times seconds. */
export type ProgressEvent<Description extends object = object> =
  | PhaseEvent
  | PreparedEvent<Description>
  | NoteEvent
  | StepEvent
  | EpochEvent;

/** A job begins another phase. */
export interface PhaseEvent {
  readonly type: "phase";
  readonly phase: Phase;
}

/** What was decided before the training begins, told once the run has its folder. Its form depends on the job. */
export interface PreparedEvent<Description extends object> {
  readonly type: "prepared";
  readonly job: string;
  readonly description: Description;
}

/** Something that a user should know, and that is no failure. */
export interface NoteEvent {
  readonly type: "note";
  readonly text: string;
}

/** A step of a training is done; the first, every tenth and the last of an epoch are told. */
export interface StepEvent {
  readonly type: "step";
  /** What is trained, by name. */
  readonly stage: string;
  readonly epoch: number;
  readonly epochs: number;
  /** Of all stages of the training; an attack has many trainings. */
  readonly step: number;
  readonly steps: number;
  readonly imagesPerSecond: number;
  /** Of the training, at the speed of this stage. */
  readonly secondsLeft: number;
  /** Means of the loss terms by name since the epoch began, and of their weighted sum as `loss`. */
  readonly losses: Readonly<Record<string, number>>;
}

/** An epoch of a training is done. */
export interface EpochEvent {
  readonly type: "epoch";
  readonly stage: string;
  readonly epoch: number;
  readonly epochs: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly losses: Readonly<Record<string, number>>;
  /** Learning rate of its last step, over the highest. */
  readonly rate: number;
}

/** How a caller follows and stops a job, which has decided what `Description` says before its training. */
export interface JobHooks<Description extends object = object> {
  /** Called with what happens, from the job's first phase to its end. */
  // A method: what tells no plan, as training, takes the hooks of any job.
  onProgress?(event: ProgressEvent<Description>): void;
  /** When it aborts, the job ends after the step with a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal;
}

/**
 * Throws InterruptedError where a job that has a checkpoint was told to stop, by a signal or otherwise; where several
 * workers train, any of them may have been.
 */
export function throwIfStopped(
  { signal }: JobHooks,
  { directory }: { directory: string },
  isStopped = signal?.aborted ?? false,
): void {
  if (!isStopped) return;
  const reason: unknown = signal?.aborted ? signal.reason : "SIGTERM";
  const isKnown = reason === "SIGINT" || reason === "SIGTERM" || reason === "SIGHUP";
  const by = isKnown ? ` by ${reason}` : "";
  throw new InterruptedError(
    signalOf(reason),
    `stopped${by} after a checkpoint. To go on: ${ownCommand} resume ${quoteForShell(directory)}`,
  );
}
