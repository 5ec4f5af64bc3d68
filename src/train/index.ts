// How to learn: the loop, losses as named weighted terms, optimizers by role, schedules, averages.
export { averageOf, measureStatistics } from "./averaging.ts";
export { Learner } from "./learner.ts";
export { train } from "./loop.ts";
export { distillationLoss, featureLoss, type LossTerm, labelLoss, totalLoss } from "./losses.ts";
export {
  fineTuningOptimizer,
  learningRateOf,
  type OptimizerName,
  type OptimizerOptions,
  optimizersFor,
} from "./optimizers.ts";
export { linearDecay } from "./schedule.ts";
export { nowhere, type Stage, type Surroundings, wholeJob } from "./stage.ts";
export { throwIfAnyStopped } from "./stopping.ts";
