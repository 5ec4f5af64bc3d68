// Where a training begins, goes on, and goes back to: when a loss is no number, it goes back to the last return
// point and on with half the learning rate. Return points are a matter of steps, not of time, so that the way of a
// training that was interrupted is the same.
import { DataError, DivergedError } from "../errors.ts";
import type { Checkpoint, Position } from "../runs/index.ts";
import type { Stage, Surroundings } from "./stage.ts";

type Run = Surroundings["run"];

const stepsBetweenReturnPoints = 500;
const usualHalvings = 3;

/** What the learning rate is multiplied by. */
export function rateAfter(halvings: number): number {
  return 0.5 ** halvings;
}

/** Whether a training may have to go back to where so many steps are done. */
export function isReturnPoint(step: number): boolean {
  return step % stepsBetweenReturnPoints === 0;
}

/** The start of a stage, saved. */
export async function begin(stage: Stage, run: Run): Promise<Position> {
  const start = { step: 0, halvings: 0, epochLosses: {} };
  await save(stage, start, run);
  return start;
}

/** Saves where a stage is. Throws DivergedError, and saves nothing, where a number in it is none. */
export async function save(stage: Stage, position: Position, run: Run): Promise<void> {
  const { index: stageIndex, learner, finished = [] } = stage;
  const { step, epochLosses } = position;
  assertFinite(epochLosses, stage, step);
  if (!learner.isFinite()) throw diverged(stage, step, "weights that are no numbers");
  const tensors = new Map([...learner.state, ...finished]);
  await run.saveCheckpoint(
    { ...position, stageIndex, isReturnPoint: isReturnPoint(step) },
    tensors,
  );
}

/** Goes on from a checkpoint of this stage. Throws DataError where training did not come to it. */
export function goOn(stage: Stage, { step, halvings, epochLosses, tensors }: Checkpoint): Position {
  const { steps } = stage.part;
  const mostHalvings = mostHalvingsOf(stage);
  if (step > steps || halvings > mostHalvings) {
    throw new DataError(
      `the checkpoint is at step ${step} of ${steps}, after ${halvings} of at most ${mostHalvings} halvings of the ` +
        "learning rate: no training comes there. Begin a new run",
    );
  }
  stage.learner.load(tensors, step);
  for (const tensor of tensors.values()) tensor.dispose();
  return { step, halvings, epochLosses };
}

/** Goes back to the last return point, and on with half the learning rate; throws the error where that is no help. */
export async function goBack(
  stage: Stage,
  context: Pick<Surroundings, "run" | "hooks"> & { readonly error: unknown; halvings: number },
): Promise<Position> {
  const { error, halvings: before, run, hooks } = context;
  const mostHalvings = mostHalvingsOf(stage);
  if (!(error instanceof DivergedError) || mostHalvings === 0) throw error;
  if (before === mostHalvings) {
    const text = `${error.message}. Half the learning rate, ${mostHalvings} times, was no help`;
    throw new DivergedError(text);
  }
  const checkpoint = await run.goBack();
  if (checkpoint?.stageIndex !== stage.index) throw error;
  const { step, halvings, epochLosses } = goOn(stage, checkpoint);
  const position = { step, halvings: halvings + 1, epochLosses };
  const rate = rateAfter(position.halvings);
  const backTo = stage.part.firstStep + step;
  await run.metrics.append({ setback: { stage: stage.name, backTo, rate } });
  await save(stage, position, run);
  const text = `${error.message}. Back to step ${backTo}, and on with ${rate} of the learning rate`;
  hooks.onProgress?.({ type: "note", text });
  return position;
}

function mostHalvingsOf({ mostHalvings = usualHalvings }: Stage): number {
  return mostHalvings;
}

/** Throws DivergedError where a loss of a step is no number. */
export function assertFinite(
  losses: Readonly<Record<string, number>>,
  stage: Stage,
  step: number,
): void {
  const broken = Object.entries(losses).filter(([, value]) => !Number.isFinite(value));
  if (broken.length === 0) return;
  throw diverged(stage, step, broken.map(([name, value]) => `${name} = ${value}`).join(", "));
}

function diverged(stage: Stage, step: number, how: string): DivergedError {
  const { firstStep, all } = stage.part;
  return new DivergedError(
    `training diverged in stage "${stage.name}" by step ${firstStep + step} of ${all}: ${how}. ` +
      "Check that --mean and --std are right and that all weights of the original, where there is one, are finite; else " +
      "try a smaller --learning-rate",
  );
}
