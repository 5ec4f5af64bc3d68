// The training loop. A step reads top to bottom: forward, loss, backward, update, log.

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
import { Clock } from "./clock.ts";
import { type LossTerm, totalLoss } from "./losses.ts";
import type { JobHooks } from "./progress.ts";
import type { Schedule } from "./schedule.ts";

/** What is trained, on what, and how. */
export interface Training {
  /** Name of this stage in progress, metrics and messages. */
  readonly stage: string;
  readonly batches: Batches;
  readonly epochs: number;
  readonly optimizers: readonly Optimizer[];
  readonly schedule: Schedule;
  /** The terms of the loss of a batch, with gradients. */
  readonly losses: (batch: Batch) => LossTerm[];
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
  /** How a user goes on after an interruption. */
  readonly howToGoOn: string;
}

export const startOfStage: Position = { step: 0, epochLosses: {} };

const stepsBetweenReports = 10;
const secondsBetweenCheckpoints = 60;

/**
 * Trains from a position to the end of the last epoch. Throws DivergedError when a loss is not finite,
 * and InterruptedError when the signal aborts, after saving.
 */
export async function train(
  training: Training,
  { from, keeper, hooks }: { from: Position; keeper: Keeper; hooks: JobHooks },
): Promise<void> {
  const { batches, epochs } = training;
  const total = epochs * batches.length;
  const clock = new Clock(from.step);
  const sums = new LossSums(from.epochLosses);
  let step = from.step;
  while (step < total) {
    const epoch = Math.floor(step / batches.length);
    const epochStart = performance.now();
    for (const batch of batches.epoch(epoch, { from: step % batches.length })) {
      sums.add(trainingStep(training, batch, step / total));
      step++;
      clock.count(batch.size);
      const lastOfEpoch = step % batches.length === 0;
      if (lastOfEpoch || step % stepsBetweenReports === 0) {
        const losses = sums.means(((step - 1) % batches.length) + 1);
        assertFinite(losses, { stage: training.stage, step, total });
        const { imagesPerSecond, secondsLeft } = clock.estimate(step, total);
        hooks.onProgress?.({
          type: "step",
          stage: training.stage,
          ...{ epoch: epoch + 1, epochs, step, steps: total, imagesPerSecond, secondsLeft, losses },
        });
      }
      await new Promise(setImmediate); // lets signals and timers in
      if (lastOfEpoch) {
        const record = {
          stage: training.stage,
          ...{ epoch: epoch + 1, epochs, seconds: (performance.now() - epochStart) / 1000 },
          ...{ imagesPerSecond: clock.estimate(step, total).imagesPerSecond },
          losses: sums.means(batches.length),
        };
        sums.clear();
        hooks.onProgress?.({ type: "epoch", ...record });
        await keeper.log(record);
      }
      const signal = hooks.signal?.aborted ? (hooks.signal.reason as NodeJS.Signals) : undefined;
      if (signal || clock.checkpointIsDue(secondsBetweenCheckpoints)) {
        await keeper.save({ step, epochLosses: sums.numbers() });
      }
      if (signal === "SIGINT" || signal === "SIGTERM") {
        throw new InterruptedError(
          signal,
          `stopped by ${signal} after a checkpoint. ${keeper.howToGoOn}`,
        );
      }
    }
  }
}

/** One step on one batch; `progress` is the share of all steps that is done. */
function trainingStep(training: Training, batch: Batch, progress: number): LossTerm[] {
  return scope(() => {
    const terms = training.losses(batch);
    for (const optimizer of training.optimizers) optimizer.zeroGrad();
    backward(totalLoss(terms));
    for (const optimizer of training.optimizers) optimizer.step(training.schedule(progress));
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
}

function assertFinite(
  losses: Readonly<Record<string, number>>,
  at: { stage: string; step: number; total: number },
): void {
  const broken = Object.entries(losses).filter(([, value]) => !Number.isFinite(value));
  if (broken.length === 0) return;
  const list = broken.map(([name, value]) => `${name} = ${value}`).join(", ");
  throw new DivergedError(
    `training diverged in stage "${at.stage}" by step ${at.step} of ${at.total}: ${list}. ` +
      "Check that --mean and --std are those of the original and that its weights are finite",
  );
}
