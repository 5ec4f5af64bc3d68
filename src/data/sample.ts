// A part of a data set that stands for the whole.
import { type Dataset, select } from "./dataset.ts";

/** At most so many images from all over a data set, which may be in the order of its classes. */
export function sampleOf(dataset: Dataset, most: number): Dataset {
  const total = dataset.labels.length;
  const count = Math.min(most, total);
  const indices = Int32Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
  return select(dataset, indices, dataset.name);
}
