// Images and labels: reading them, and dealing them out in batches.

export type { Augmentation } from "./augmentation.ts";
export { type Batch, Batches, type BatchOptions } from "./batches.ts";
export { assertBatchOptions, assertShownAs } from "./batchOptions.ts";
export { type DataOptions, readingFlags } from "./dataOptions.ts";
export {
  assertLabelled,
  assertLabels,
  assertSeveralClasses,
  assertShape,
  type Data,
  type Dataset,
  inMemory,
  isLabelled,
  type Labelled,
  noLabel,
} from "./dataset.ts";
export { ownImages, withExtra } from "./extra.ts";
export {
  type DataFacts,
  dataFacts,
  notesOnOutputs,
  notesOnRepeated,
  notesOnTurnedExtra,
} from "./facts.ts";
export { fingerprint } from "./fingerprint.ts";
export { joinImages } from "./join.ts";
export { type LoadOptions, loadData, loadExtraData, loadTestData } from "./load.ts";
export {
  assertForUnitPixels,
  type HostBatch,
  hostBatches,
  type Normalization,
} from "./normalize.ts";
export { parseDataSpec } from "./notation.ts";
export { assertShareable } from "./share.ts";
export { holdOut, sampleOf, select } from "./subsets.ts";
