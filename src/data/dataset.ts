// Labelled images in memory.

import { DataError, UsageError } from "../errors.ts";
import { randomBits } from "../graph/random.ts";

/** Labelled images of one size. */
export interface Dataset {
  /** How messages name it. */
  readonly name: string;
  /** Pixels from 0 to 255, planar: N × channels × height × width. */
  readonly images: Uint8Array;
  /** Index into `classes` of every image. */
  readonly labels: Int32Array;
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly classes: readonly string[];
}

/** What `--data` names: images to learn from and images to judge by. */
export interface Data {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** One line on what a data set holds. */
export function describeData({ train, test }: Data): string {
  const [channels, height, width] = train.shape;
  return (
    `${train.labels.length} training and ${test.labels.length} test images of ` +
    `${channels}×${height}×${width} in ${train.classes.length} classes`
  );
}

/** Throws DataError where the images are not of the shape that a model takes. */
export function assertShape(dataset: Dataset, shape: readonly number[]): void {
  if (dataset.shape.every((size, axis) => size === shape[axis])) return;
  throw new DataError(
    `the model takes images of ${shape.join("×")} (channels × height × width), ` +
      `but those of ${dataset.name} are ${dataset.shape.join("×")}`,
  );
}

/** Throws DataError where a label is not below `outputs`, the number of a model's outputs. */
export function assertLabels(dataset: Dataset, outputs: number): void {
  const largest = dataset.labels.reduce((most, label) => Math.max(most, label), 0);
  if (largest < outputs) return;
  throw new DataError(
    `${dataset.name} has labels up to ${largest} (${dataset.classes.length} classes), ` +
      `but the model has only ${outputs} outputs`,
  );
}

/**
 * Splits off `holdOut` images at random, the same ones for the same seed, for instance to validate on.
 * Throws UsageError where nothing would be left.
 */
export function splitDataset(
  dataset: Dataset,
  { holdOut, seed }: { holdOut: number; seed: number },
): { readonly rest: Dataset; readonly heldOut: Dataset } {
  const count = dataset.labels.length;
  if (!Number.isInteger(holdOut) || holdOut < 1 || holdOut >= count) {
    throw new UsageError(
      `cannot hold out ${holdOut} of the ${count} images of ${dataset.name}: ` +
        `expected a whole number from 1 to ${count - 1}`,
    );
  }
  const order = permutation(randomBits({ seed, name: "data/split" }, count));
  const indices = (part: Int32Array) => part.toSorted();
  return {
    rest: select(dataset, indices(order.subarray(0, count - holdOut)), dataset.name),
    heldOut: select(
      dataset,
      indices(order.subarray(count - holdOut)),
      `${dataset.name} (held out)`,
    ),
  };
}

/** The images at the given places. */
export function select(dataset: Dataset, indices: Int32Array, name: string): Dataset {
  const size = dataset.images.length / dataset.labels.length;
  const images = new Uint8Array(indices.length * size);
  indices.forEach((from, to) => {
    images.set(dataset.images.subarray(from * size, (from + 1) * size), to * size);
  });
  return { ...dataset, name, images, labels: indices.map((index) => dataset.labels[index]!) };
}

/** Random order of 0 ... n - 1 from n random 32-bit integers (Fisher and Yates' shuffle). */
export function permutation(bits: Uint32Array): Int32Array {
  const order = Int32Array.from(bits, (_, index) => index);
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor((bits[last]! / 2 ** 32) * (last + 1));
    const moved = order[last]!;
    order[last] = order[other]!;
    order[other] = moved;
  }
  return order;
}
