// Images and labels: reading them, and dealing them out in batches.

export type { Augmentation } from "./augmentation.ts";
export { assertBatchOptions, type Batch, Batches, type BatchOptions } from "./batches.ts";
export {
  assertLabels,
  assertShape,
  type Data,
  type DataFacts,
  type Dataset,
  dataFacts,
  holdOut,
  select,
} from "./dataset.ts";
export { loadData } from "./load.ts";
export { type HostBatch, hostBatches, type Normalization } from "./normalize.ts";
export { parseDataSpec } from "./notation.ts";
export { sampleOf } from "./sample.ts";
