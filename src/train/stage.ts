// What is trained, and where that is logged, saved and followed.
import type { Batch, Batches } from "../data/index.ts";
import type { Checkpoint, JobHooks, RunFolder } from "../runs/index.ts";
import type { Tensor } from "../torch/index.ts";
import type { Learner } from "./learner.ts";
import type { LossTerm } from "./losses.ts";
import type { Schedule } from "./schedule.ts";

/** A part of a job in which one learner is trained: what on, and how. */
export interface Stage {
  /** Place among the job's stages, from 0. */
  readonly index: number;
  /** What progress, metrics and messages call it. */
  readonly name: string;
  readonly learner: Learner;
  readonly batches: Batches;
  /** Epochs of the whole job. */
  readonly epochs: number;
  /** Where this stage lies in the job. */
  readonly part: Part;
  readonly schedule: Schedule;
  /** How often it may go back and on with half the learning rate where a loss is no number; 3 by default. */
  readonly mostHalvings?: number;
  /** The terms of the loss of a batch, with gradients; `step` counts the steps of this stage. */
  readonly losses: (batch: Batch, step: number) => LossTerm[];
  /** Runs what learns on a batch, which gets this weight in the running statistics. */
  readonly forward: (batch: Batch, batchWeight: number) => unknown;
  /** Saved beside the learner's state: what stages before have made. */
  readonly finished?: ReadonlyMap<string, Tensor>;
}

/** A part of a job's steps. */
interface Part {
  readonly firstStep: number;
  readonly steps: number;
  /** Steps of the job. */
  readonly all: number;
}

/** The part of the only stage of a job of so many steps. */
export function wholeJob(steps: number): Part {
  return { firstStep: 0, steps, all: steps };
}

/** Where a training is logged and saved, and how it is followed and stopped. */
export interface Surroundings {
  readonly run: Pick<RunFolder, "saveCheckpoint" | "goBack"> &
    Pick<RunFolder, "checkpointSeconds" | "directory"> & {
      readonly metrics: Pick<RunFolder["metrics"], "append">;
    };
  readonly hooks: JobHooks;
  /** Where the job goes on; undefined at its start. */
  readonly checkpoint: Checkpoint | undefined;
}

/** A run that keeps nothing. */
export const nowhere: Surroundings["run"] = {
  directory: "",
  checkpointSeconds: Number.POSITIVE_INFINITY,
  metrics: { append: async () => {} },
  saveCheckpoint: async () => {},
  goBack: async () => undefined,
};
