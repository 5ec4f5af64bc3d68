// The training loop. A step reads top to bottom: forward, loss, backward, update, average, log.
import type { Batch, Batches } from "../data/index.ts";
import { DivergedError } from "../errors.ts";
import {
  type Checkpoint,
  type JobHooks,
  type Position,
  type RunFolder,
  throwIfStopped,
} from "../runs/index.ts";
import { add, backward, full, keep, noGrad, scope, type Tensor } from "../torch/index.ts";
import { Clock } from "./clock.ts";
import type { Learner } from "./learner.ts";
import { type LossTerm, totalLoss } from "./losses.ts";
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
  /** Where this stage lies in the job, in steps; all of it by default. */
  readonly part?: { readonly firstStep: number; readonly steps: number };
  readonly schedule: Schedule;
  /** The terms of the loss of a batch, with gradients; `step` counts the steps of this stage. */
  readonly losses: (batch: Batch, step: number) => LossTerm[];
  /** Runs what learns on a batch, which gets this weight in the running statistics. */
  readonly forward: (batch: Batch, batchWeight: number) => unknown;
  /** Saved beside the learner's state: what stages before have made. */
  readonly finished?: ReadonlyMap<string, Tensor>;
}

/** Where a training is logged and saved, and how it is followed and stopped. */
export interface Surroundings {
  readonly run: Pick<RunFolder, "saveCheckpoint" | "checkpointSeconds" | "directory"> & {
    readonly metrics: Pick<RunFolder["metrics"], "append">;
  };
  readonly hooks: JobHooks;
  /** Where the job goes on; undefined at its start. */
  readonly checkpoint: Checkpoint | undefined;
}

const stepsBetweenReports = 10;

/**
 * Trains a stage from where its checkpoint left it to the end of its last epoch, and saves there; then the
 * learner gets its averages. Throws DivergedError when a loss is not finite, which is never saved, and
 * InterruptedError when the signal aborts, after saving.
 */
export async function train(stage: Stage, { run, hooks, checkpoint }: Surroundings): Promise<void> {
  const { learner, batches, forward } = stage;
  const resumed = checkpoint?.stageIndex === stage.index ? checkpoint : undefined;
  if (resumed) learner.load(resumed.tensors);
  await trainSteps(stage, { run, hooks, from: resumed ?? { step: 0, epochLosses: {} } });
  await learner.average?.apply(batches, { forward, onBatch: () => throwIfStopped(hooks, run) });
}

async function trainSteps(
  stage: Stage,
  { run, hooks, from }: Pick<Surroundings, "run" | "hooks"> & { from: Position },
): Promise<void> {
  const { batches, epochs, learner, finished } = stage;
  const { firstStep, steps } = stage.part ?? { firstStep: 0, steps: epochs * batches.length };
  const clock = new Clock(from.step);
  using sums = new LossSums(from.epochLosses);
  let step = from.step;
  while (step < steps) {
    const epoch = Math.floor((firstStep + step) / batches.length);
    const epochStart = performance.now();
    for await (const batch of batches.epoch(epoch, { from: (firstStep + step) % batches.length })) {
      sums.add(trainingStep(stage, batch, { step, steps }));
      step++;
      clock.count(batch.size);
      const ofEpoch = ((firstStep + step - 1) % batches.length) + 1;
      const isLastOfEpoch = ofEpoch === batches.length || step === steps;
      const { imagesPerSecond, secondsLeft } = clock.estimate(step, steps);
      const progress = { stage: stage.name, epoch: epoch + 1, epochs, imagesPerSecond };
      const isFirst = step === from.step + 1;
      if (isFirst || isLastOfEpoch || step % stepsBetweenReports === 0) {
        const losses = sums.means(Math.min(step, ofEpoch));
        assertFinite(losses, { stage, step, steps });
        hooks.onProgress?.({ type: "step", ...progress, step, steps, secondsLeft, losses });
        if (isLastOfEpoch) {
          const record = { ...progress, seconds: (performance.now() - epochStart) / 1000, losses };
          sums.clear();
          hooks.onProgress?.({ type: "epoch", ...record });
          await run.metrics.append({ ...record, rate: stage.schedule(step / steps) });
        }
      }
      await new Promise(setImmediate); // lets signals and timers in
      const isStopped = hooks.signal?.aborted ?? false;
      if (isStopped || step === steps || clock.checkpointIsDue(run.checkpointSeconds)) {
        const position = { stageIndex: stage.index, step, epochLosses: sums.numbers() };
        assertFinite(position.epochLosses, { stage, step, steps });
        await run.saveCheckpoint(position, new Map([...learner.state, ...(finished ?? [])]));
      }
      throwIfStopped(hooks, run);
      if (step === steps) break;
    }
  }
}

/** One step on one batch, when `step` of the stage's steps are done. Gives the terms of the loss. */
function trainingStep(
  { losses, learner: { optimizers, average }, schedule }: Stage,
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
  at: { stage: Stage; step: number; steps: number },
): void {
  const broken = Object.entries(losses).filter(([, value]) => !Number.isFinite(value));
  if (broken.length === 0) return;
  const list = broken.map(([name, value]) => `${name} = ${value}`).join(", ");
  throw new DivergedError(
    `training diverged in stage "${at.stage.name}" by step ${at.step} of ${at.steps}: ${list}. ` +
      "Check that --mean and --std are those of the original and that its weights are finite",
  );
}
