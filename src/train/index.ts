// Training: the loop, losses as named weighted terms, schedules, checkpoints and run folders.
export { averageOf } from "./averaging.ts";
export type { Checkpoint } from "./checkpoint.ts";
export {
  assertEpochs,
  assertShares,
  batchOptions,
  type JobOptions,
  type ResolvedJobOptions,
  resolveJobOptions,
} from "./jobOptions.ts";
export {
  type Keeper,
  type Position,
  startOfStage,
  type Training,
  throwIfStopped,
  train,
} from "./loop.ts";
export { distillationLoss, featureLoss, type LossTerm, labelLoss, totalLoss } from "./losses.ts";
export type { JobHooks, ProgressEvent } from "./progress.ts";
export { learningRateOf, type OptimizerName, recipe, tuningRecipe } from "./recipe.ts";
export {
  resumeReference,
  type TrainOptions,
  type TrainSummary,
  trainReference,
} from "./reference.ts";
export { assertNew, type RunFiles, RunFolder, readConfig } from "./runFolder.ts";
export { linearDecay, type Schedule } from "./schedule.ts";
export { loadState, trainingState } from "./state.ts";
