// Jobs: what one is, the options that all have, and the training of reference models.
export type { Job, JobTypes, Located, Prepared, RunFacts, Work } from "./definition.ts";
export { beginVerifying, defineJob } from "./job.ts";
export { assertFits, type MemoryNeed, memoryOfTraining } from "./memory.ts";
export {
  assertDistinct,
  assertShares,
  batchOptions,
  type JobOptions,
  type ResolvedJobOptions,
  type ResolvedRunOptions,
  type RunOptions,
  resolveJobOptions,
  resolveRunOptions,
  resolveSpec,
} from "./options.ts";
export {
  referenceJob,
  type TrainDescription,
  type TrainOptions,
  type TrainSummary,
} from "./reference.ts";
export { jobOptions, readingOptions, runOptions } from "./schema.ts";
