// The training loop. A step reads top to bottom: forward, loss, backward, update, average, log.

import type { Batch, Batches } from "../data/index.ts";
import { DivergedError, InterruptedError } from "../errors.ts";
import {
  add,
  backward,
  full,
  keep,
  noGrad,
  type Optimizer,
  scope,
  type Tensor,
} from "../torch/index.ts";
import type { WeightAverage } from "./averaging.ts";
import { Clock } from "./clock.ts";
import { type LossTerm, totalLoss } from "./losses.ts";
import type { JobHooks } from "./progress.ts";
import type { Schedule } from "./schedule.ts";

/** What is trained, on what, and how. */
export interface Training {
  /** Name of this stage in progress, metrics and messages. */
  readonly stage: string;
  readonly batches: Batches;
  /** Epochs of the whole job. */
  readonly epochs: number;
  /** Where this stage lies in the job, in steps; all of it by default. */
  readonly part?: { readonly firstStep: number; readonly steps: number };
  readonly optimizers: readonly Optimizer[];
  readonly schedule: Schedule;
  /** Follows the parameters; none by default. */
  readonly average?: WeightAverage | undefined;
  /** The terms of the loss of a batch, with gradients; `step` counts the steps of this stage. */
  readonly losses: (batch: Batch, step: number) => LossTerm[];
}

/** How far a stage is. */
export interface Position {
  /** Steps that are done. */
  readonly step: number;
  /** Sums of the losses of the current epoch's steps. */
  readonly epochLosses: Readonly<Record<string, number>>;
}

/** What the loop leaves to its caller. */
export interface Keeper {
  /** Records the end of an epoch. */
  readonly log: (record: Readonly<Record<string, unknown>>) => Promise<void>;
  /** Saves everything that the next step depends on. */
  readonly save: (position: Position) => Promise<void>;
  /** Time between two saves. */
  readonly checkpointSeconds: number;
  /** How a user goes on after an interruption. */
  readonly howToGoOn: string;
}

export const startOfStage: Position = { step: 0, epochLosses: {} };

const stepsBetweenReports = 10;

/**
 * Trains from a position to the end of the last epoch, and saves there. Throws DivergedError when a
 * loss is not finite, which is never saved, and InterruptedError when the signal aborts, after saving.
 */
export async function train(
  training: Training,
  { from, keeper, hooks }: { from: Position; keeper: Keeper; hooks: JobHooks },
): Promise<void> {
  const { batches, epochs, stage } = training;
  const { firstStep, steps } = training.part ?? { firstStep: 0, steps: epochs * batches.length };
  const clock = new Clock(from.step);
  using sums = new LossSums(from.epochLosses);
  let step = from.step;
  while (step < steps) {
    const epoch = Math.floor((firstStep + step) / batches.length);
    const epochStart = performance.now();
    for (const batch of batches.epoch(epoch, { from: (firstStep + step) % batches.length })) {
      sums.add(trainingStep(training, batch, { step, steps }));
      step++;
      clock.count(batch.size);
      const ofEpoch = ((firstStep + step - 1) % batches.length) + 1;
      const lastOfEpoch = ofEpoch === batches.length || step === steps;
      const { imagesPerSecond, secondsLeft } = clock.estimate(step, steps);
      const progress = { stage, epoch: epoch + 1, epochs, imagesPerSecond };
      if (lastOfEpoch || step % stepsBetweenReports === 0) {
        const losses = sums.means(Math.min(step, ofEpoch));
        assertFinite(losses, { stage, step, steps });
        hooks.onProgress?.({ type: "step", ...progress, step, steps, secondsLeft, losses });
        if (lastOfEpoch) {
          const record = { ...progress, seconds: (performance.now() - epochStart) / 1000, losses };
          sums.clear();
          hooks.onProgress?.({ type: "epoch", ...record });
          await keeper.log(record);
        }
      }
      await new Promise(setImmediate); // lets signals and timers in
      const isStopped = hooks.signal?.aborted ?? false;
      if (isStopped || step === steps || clock.checkpointIsDue(keeper.checkpointSeconds)) {
        const position = { step, epochLosses: sums.numbers() };
        assertFinite(position.epochLosses, { stage, step, steps });
        await keeper.save(position);
      }
      throwIfStopped(hooks, keeper);
      if (step === steps) break;
    }
  }
}

/** Throws InterruptedError where a job that has a checkpoint was told to stop, by a signal or otherwise. */
export function throwIfStopped(
  { signal }: JobHooks,
  { howToGoOn }: Pick<Keeper, "howToGoOn">,
): void {
  if (!signal?.aborted) return;
  const name = signal.reason === "SIGTERM" ? "SIGTERM" : "SIGINT";
  const by = signal.reason === name ? ` by ${name}` : "";
  throw new InterruptedError(name, `stopped${by} after a checkpoint. ${howToGoOn}`);
}

/** One step on one batch, when `step` of the stage's steps are done. */
function trainingStep(
  { losses, optimizers, schedule, average }: Training,
  batch: Batch,
  { step, steps }: { step: number; steps: number },
): LossTerm[] {
  return scope(() => {
    const terms = losses(batch, step);
    for (const optimizer of optimizers) optimizer.zeroGrad();
    backward(totalLoss(terms));
    for (const optimizer of optimizers) optimizer.step(schedule(step / steps));
    average?.update(step);
    return terms.map((term) => ({ ...term, value: term.value.detach() }));
  });
}

/** Sums of the losses, kept on the device so that a step waits for nothing. */
class LossSums {
  readonly #sums = new Map<string, Tensor>();

  constructor(start: Readonly<Record<string, number>>) {
    for (const [name, value] of Object.entries(start)) this.#sums.set(name, keep(full([], value)));
  }

  /** Adds the terms and their weighted sum, and frees the terms. */
  add(terms: readonly LossTerm[]): void {
    noGrad(() =>
      scope(() => {
        for (const { name, value } of [...terms, { name: "loss", value: totalLoss(terms) }]) {
          const { device } = value;
          const sum = this.#sums.get(name)?.to({ device }) ?? full([], 0, { device });
          this.#sums.get(name)?.dispose();
          this.#sums.set(name, keep(add(sum, value)));
        }
      }),
    );
    for (const { value } of terms) value.dispose();
  }

  numbers(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum.item()]));
  }

  /** The sums divided by the number of steps that they cover. */
  means(steps: number): Record<string, number> {
    const entries = Object.entries(this.numbers());
    return Object.fromEntries(entries.map(([name, sum]) => [name, sum / steps]));
  }

  clear(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

function assertFinite(
  losses: Readonly<Record<string, number>>,
  at: { stage: string; step: number; steps: number },
): void {
  const broken = Object.entries(losses).filter(([, value]) => !Number.isFinite(value));
  if (broken.length === 0) return;
  const list = broken.map(([name, value]) => `${name} = ${value}`).join(", ");
  throw new DivergedError(
    `training diverged in stage "${at.stage}" by step ${at.step} of ${at.steps}: ${list}. ` +
      "Check that --mean and --std are those of the original and that its weights are finite",
  );
}
