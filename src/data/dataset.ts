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

/** What a data set holds, in numbers. */
export interface DataFacts {
  /** Images to learn from, and to judge by. */
  readonly training: number;
  readonly test: number;
  /** Channels, height and width. */
  readonly shape: readonly number[];
  readonly classes: number;
}

export function dataFacts({ train, test }: Data): DataFacts {
  const { shape, classes } = train;
  const [training, judging] = [train.labels.length, test.labels.length];
  return { training, test: judging, shape, classes: classes.length };
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
 * Holds out `count` training images, drawn at random, the same in every run: they take the place of the
 * test images, which are then not looked at. The same data where `count` is 0. Throws UsageError where
 * nothing is left to train on.
 */
export function holdOut({ train, test }: Data, count: number): Data {
  if (count === 0) return { train, test };
  const rest = train.labels.length - count;
  if (!Number.isInteger(count) || count < 0 || rest < 1) {
    throw new UsageError(
      `--hold-out: expected a whole number from 0 to ${train.labels.length - 1}, so that some of the ` +
        `images of ${train.name} are left to train on, received ${count}`,
    );
  }
  const drawn = permutation(randomBits({ seed: 0, name: "hold-out" }, train.labels.length));
  return {
    train: select(train, drawn.subarray(count).sort(), train.name),
    test: select(train, drawn.subarray(0, count).sort(), `${train.name} (held out)`),
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
