// Jobs: what one is, the options that all have, and the training of reference models.
export {
  beginVerifying,
  defineJob,
  type Job,
  type Located,
  type Prepared,
  type RunFacts,
  type Work,
} from "./job.ts";
export { memoryOfTraining } from "./memory.ts";
export {
  assertShares,
  batchOptions,
  type JobOptions,
  type ResolvedJobOptions,
  resolveJobOptions,
  resolveSpec,
} from "./options.ts";
export { referenceJob, type TrainOptions, type TrainSummary } from "./reference.ts";
export { jobOptions, readingOptions } from "./schema.ts";
