// The training loop. A step reads top to bottom: forward, loss, backward, update, average, log.
import type { Batch } from "../data/index.ts";
import { type Position, throwIfStopped } from "../runs/index.ts";
import { agree, broadcastFromFirst, scope, workers } from "../torch/index.ts";
import { Clock } from "./clock.ts";
import { type LossTerm, totalLoss } from "./losses.ts";
import { LossSums } from "./lossSums.ts";
import { assertFinite, begin, goBack, goOn, isReturnPoint, rateAfter, save } from "./recovery.ts";
import { partOf, type Stage, type Surroundings } from "./stage.ts";

const stepsBetweenReports = 10;

/**
 * Trains a stage from where its checkpoint left it to the end of its last epoch, and saves there; then the
 * learner gets its averages. When a loss is not finite, which is never saved, it goes back and on with smaller
 * steps, a few times. Throws DivergedError when that does not help, InterruptedError when the signal aborts, after
 * saving, and DataError where the checkpoint is none of this training.
 */
export async function train(stage: Stage, { run, hooks, checkpoint }: Surroundings): Promise<void> {
  const { learner, batches, forward } = stage;
  const resumed = checkpoint?.stageIndex === stage.index ? checkpoint : undefined;
  let from = resumed ? goOn(stage, resumed) : await begin(stage, run);
  broadcastFromFirst(learner.state.values());
  for (;;) {
    try {
      await trainSteps(stage, { run, hooks, from });
      break;
    } catch (error) {
      from = await goBack(stage, { error, halvings: from.halvings, run, hooks });
    }
  }
  const onBatch = () => {
    const [isStopped] = agree([hooks.signal?.aborted ?? false]);
    throwIfStopped(hooks, run, isStopped);
  };
  await learner.average?.apply(batches, { forward, onBatch });
}

async function trainSteps(
  stage: Stage,
  { run, hooks, from }: Pick<Surroundings, "run" | "hooks"> & { from: Position },
): Promise<void> {
  const { batches, epochs } = stage;
  const { firstStep, steps } = partOf(stage);
  const { halvings } = from;
  const clock = new Clock(from.step);
  using sums = new LossSums(from.epochLosses);
  let step = from.step;
  while (step < steps) {
    const epoch = Math.floor((firstStep + step) / batches.length);
    const epochStart = performance.now();
    const first = (firstStep + step) % batches.length;
    for await (const batch of batches.epoch(epoch, { from: first, share: workers() })) {
      sums.add(trainingStep(stage, batch, { step, steps, halvings }));
      step++;
      clock.count(batch.size * workers().size);
      const ofEpoch = ((firstStep + step - 1) % batches.length) + 1;
      const isLastOfEpoch = ofEpoch === batches.length || step === steps;
      const { imagesPerSecond, secondsLeft } = clock.estimate(step, steps);
      const progress = { stage: stage.name, epoch: epoch + 1, epochs, imagesPerSecond };
      const isFirst = step === from.step + 1;
      if (isFirst || isLastOfEpoch || step % stepsBetweenReports === 0) {
        const losses = sums.means(Math.min(step, ofEpoch));
        assertFinite(losses, stage, step);
        hooks.onProgress?.({ type: "step", ...progress, step, steps, secondsLeft, losses });
        if (isLastOfEpoch) {
          const seconds = (performance.now() - epochStart) / 1000;
          const rate = stage.schedule((step - 1) / steps) * rateAfter(halvings);
          const record = { ...progress, seconds, losses, rate };
          sums.clear();
          hooks.onProgress?.({ type: "epoch", ...record });
          await run.metrics.append(record);
        }
      }
      await new Promise(setImmediate); // lets signals and timers in
      const [isStopped, isDue] = agree([
        hooks.signal?.aborted ?? false,
        clock.checkpointIsDue(run.checkpointSeconds) || isReturnPoint(step),
      ]);
      if (isStopped || isDue || step === steps) {
        await save(stage, { step, halvings, epochLosses: sums.numbers() }, run);
      }
      throwIfStopped(hooks, run, isStopped);
      if (step === steps) break;
    }
  }
}

/** One step on one batch, when `step` of the stage's steps are done. Gives the terms of the loss. */
function trainingStep(
  { losses, learner, schedule }: Stage,
  batch: Batch,
  { step, steps, halvings }: { step: number; steps: number; halvings: number },
): LossTerm[] {
  return scope(() => {
    const terms = losses(batch, step);
    learner.zeroGrad();
    const values = learner.backward(
      totalLoss(terms),
      terms.map(({ value }) => value),
    );
    learner.step(schedule(step / steps) * rateAfter(halvings));
    return terms.map((term, index) => ({ ...term, value: values[index]! }));
  });
}
