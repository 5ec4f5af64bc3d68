// The training loop. A step reads top to bottom: forward, loss, backward, update, average, log.
import type { Batch } from "../data/index.ts";
import { type Position, throwIfStopped } from "../runs/index.ts";
import { agree, broadcastFromFirst, scope, workers } from "../torch/index.ts";
import { Clock } from "./clock.ts";
import { type LossTerm, totalLoss } from "./losses.ts";
import { LossSums } from "./lossSums.ts";
import { assertFinite, begin, goBack, goOn, isReturnPoint, rateAfter, save } from "./recovery.ts";
import type { Stage, Surroundings } from "./stage.ts";
import { throwIfAnyStopped } from "./stopping.ts";

const stepsBetweenReports = 10;

/** One step on one batch, when `step` of the stage's steps are done. Gives the terms of the loss. */
function trainingStep(
  { losses, learner, schedule, part }: Stage,
  batch: Batch,
  { step, halvings }: { step: number; halvings: number },
): LossTerm[] {
  return scope(() => {
    const terms = losses(batch, step);
    learner.zeroGrad();
    const values = learner.backward(
      totalLoss(terms),
      terms.map(({ value }) => value),
    );
    learner.step(schedule(step / part.steps) * rateAfter(halvings));
    return terms.map((term, index) => ({ ...term, value: values[index]! }));
  });
}

/**
 * Trains a stage from where its checkpoint left it to the end of its last epoch, and saves there; then the
 * learner gets its averages. When a loss is not finite, which is never saved, it goes back and on with smaller
 * steps, as often as the stage allows. Throws DivergedError when that does not help, InterruptedError when the signal
 * aborts, after saving, and DataError where the checkpoint is none of this training.
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
  const onBatch = () => throwIfAnyStopped({ hooks, run });
  await learner.average?.apply(batches, { forward, onBatch });
}

/** What the steps of a stage share. */
interface Course extends Pick<Surroundings, "run" | "hooks"> {
  readonly stage: Stage;
  /** Where they began. */
  readonly from: Position;
  readonly clock: Clock;
  /** The losses of the epoch so far. */
  readonly sums: LossSums;
}

async function trainSteps(
  stage: Stage,
  { run, hooks, from }: Pick<Course, "run" | "hooks" | "from">,
): Promise<void> {
  const { batches, part } = stage;
  const { firstStep, steps } = part;
  const { halvings } = from;
  const clock = new Clock(from.step);
  using sums = new LossSums(from.epochLosses);
  const course = { stage, run, hooks, from, clock, sums };
  let { step } = from;
  while (step < steps) {
    const before = firstStep + step;
    const epoch = Math.floor(before / batches.length);
    const first = before % batches.length;
    clock.beginEpoch();
    for await (const batch of batches.epoch(epoch, { from: first, share: workers() })) {
      sums.add(trainingStep(stage, batch, { step, halvings }));
      step++;
      clock.count(batch.size * workers().size);
      await report(course, step);
      await new Promise(setImmediate); // lets signals and timers in
      // Processors of other kinds round otherwise: their workers drift apart.
      if (isReturnPoint(step)) broadcastFromFirst(stage.learner.state.values());
      await saveIfDue(course, step);
      if (step === steps) break;
    }
  }
}

/** Tells of the first step, of each tenth and of the last of an epoch, which is also written down. */
async function report(
  { stage, run, hooks, from, clock, sums }: Course,
  step: number,
): Promise<void> {
  const { name, batches, epochs, part, schedule } = stage;
  const { firstStep, steps, all } = part;
  const before = firstStep + step - 1;
  const ofEpoch = (before % batches.length) + 1;
  const isLastOfEpoch = ofEpoch === batches.length || step === steps;
  const isFirst = step === from.step + 1;
  if (!isFirst && !isLastOfEpoch && step % stepsBetweenReports !== 0) return;
  const losses = sums.means(Math.min(step, ofEpoch));
  assertFinite(losses, stage, step);
  const { imagesPerSecond, secondsLeft } = clock.estimate(step, all - firstStep);
  const epoch = Math.floor(before / batches.length) + 1;
  const progress = { stage: name, epoch, epochs, imagesPerSecond };
  const place = { step: before + 1, steps: all, secondsLeft };
  hooks.onProgress?.({ type: "step", ...progress, ...place, losses });
  if (!isLastOfEpoch) return;
  const rate = schedule((step - 1) / steps) * rateAfter(from.halvings);
  const record = { ...progress, seconds: clock.epochSeconds, losses, rate };
  sums.clear();
  hooks.onProgress?.({ type: "epoch", ...record });
  await run.metrics.append(record);
}

/** Saves at return points, at times, at the end, and where a worker was told to stop; then throws InterruptedError. */
async function saveIfDue(
  { stage, run, hooks, from, clock, sums }: Course,
  step: number,
): Promise<void> {
  const [isStopped, isDue] = agree([
    hooks.signal?.aborted ?? false,
    clock.checkpointIsDue(run.checkpointSeconds) || isReturnPoint(step),
  ]);
  if (isStopped || isDue || step === stage.part.steps) {
    await save(stage, { step, halvings: from.halvings, epochLosses: sums.numbers() }, run);
  }
  throwIfStopped(hooks, run, isStopped);
}
