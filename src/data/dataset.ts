// Images by index, with labels or without. Nothing here takes for granted that all of them are in memory.

import { DataError } from "../errors.ts";
import { counted } from "../text.ts";
import { quoteNames } from "./complaints.ts";

/** Images of one size. */
export interface Dataset {
  /** How messages name it. */
  readonly name: string;
  /** Number of images. */
  readonly count: number;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Of the three planes, as the model takes them; red, green, blue where absent. */
  readonly channelOrder?: "rgb" | "bgr";
  /** A 1 for each image that is shown turned, as its camera noted; where absent, none is. */
  readonly turned?: Uint8Array;
  /** Names of the classes; absent, as the labels, where images have no labels. */
  readonly classes?: readonly string[];
  /** Whether a format gives the classes and their order, so that no list of names can. */
  readonly hasFixedClasses?: boolean;
  /** Index into `classes` of every image; `noLabel` where it has none, as images from elsewhere. */
  readonly labels?: Int32Array;
  /** All images as `read` gives them, where memory holds them: then they may lie on the device, too. */
  readonly pixels?: Uint8Array;
  /**
   * The images at these places: pixels from 0 to 255, planar, N × channels × height × width. Throws
   * DataError where an image cannot be read.
   */
  read(indices: Int32Array): Promise<Uint8Array>;
}

/** Stands for a label that an image does not have; what libtorch's cross entropy passes over. */
export const noLabel = -100;

/** A data set whose images have labels. */
export type Labelled = Dataset & Required<Pick<Dataset, "classes" | "labels">>;

/** What `--data` names: images to learn from and images to judge by. */
export interface Data {
  readonly train: Dataset;
  readonly test: Dataset;
  /** How many of the images to learn from come from elsewhere. */
  readonly extra?: number;
  /** What a user should know about how they were read, each a sentence without its full stop. */
  readonly notes?: readonly string[];
}

/** What an image takes as bytes, one a pixel and channel. */
export function imageBytes({ shape }: Pick<Dataset, "shape">): number {
  return shape[0] * shape[1] * shape[2];
}

/** Images as `read` gives them with the planes of each in reverse order. */
export function reverseChannels(
  images: Uint8Array,
  [channels, height, width]: Dataset["shape"],
): Uint8Array {
  const area = height * width;
  const reversed = new Uint8Array(images.length);
  for (let start = 0; start < images.length; start += channels * area) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = start + channel * area;
      reversed.set(images.subarray(plane, plane + area), start + (channels - 1 - channel) * area);
    }
  }
  return reversed;
}

/** A data set whose images are all in memory. */
export function inMemory<T extends Omit<Dataset, "count" | "read"> & { pixels: Uint8Array }>(
  content: T,
): T & Pick<Dataset, "count" | "read"> {
  const size = imageBytes(content);
  const read = async (indices: Int32Array) => {
    const images = new Uint8Array(indices.length * size);
    indices.forEach((from, to) => {
      images.set(content.pixels.subarray(from * size, (from + 1) * size), to * size);
    });
    return images;
  };
  return { ...content, count: content.pixels.length / size, read };
}

/** Throws DataError where the images are not of the shape that a model takes; sizes that are undefined are open. */
export function assertShape(
  dataset: Dataset,
  shape: readonly (number | undefined)[],
  model = "the model",
): void {
  if (shape.every((size, axis) => size === undefined || size === dataset.shape[axis])) return;
  throw new DataError(
    `${model} takes images of ${shape.map((size) => size ?? "any").join("×")} (channels × height × width), ` +
      `but those of ${dataset.name} are ${dataset.shape.join("×")}`,
  );
}

/**
 * Throws DataError unless there is a class for each of a model's `outputs`: where there are fewer the model knows a class
 * that the data do not, so that others may stand in the wrong place. Classes that are named by their own numbers are in
 * their place all the same; a note tells of those that are missing (facts.ts).
 */
export function assertLabels(dataset: Dataset, outputs: number): void {
  const { name, labels, classes, hasFixedClasses } = dataset;
  if (!labels || !classes) return;
  const areNumbers = classes.every((each, place) => each === String(place));
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  const needed = Math.max(classes.length, largest + 1);
  if (needed === outputs || (needed < outputs && areNumbers)) return;
  const known = `${counted(classes.length, "class", "classes")} (${quoteNames(classes)})`;
  const remedy = hasFixedClasses
    ? "The format has no others: give the images as images:DIR, with the names of all as --classes FILE"
    : "Is a class folder missing? --classes FILE gives the order of all";
  throw new DataError(
    needed > outputs
      ? `${name} has ${known} and labels up to ${largest}, but the model has only ${counted(outputs, "output")}: expected ` +
          "a class for each output"
      : `the model has ${counted(outputs, "output")}, but ${name} has ${known}: expected a class for each output. ${remedy}`,
  );
}

/** Throws DataError where there is but one class. */
export function assertSeveralClasses({ name, classes }: Labelled): void {
  if (classes.length >= 2) return;
  throw new DataError(
    `expected two classes or more to tell apart, but ${name} has ${classes.length}`,
  );
}

/** Whether images have labels. */
export function isLabelled(dataset: Dataset): dataset is Labelled {
  return dataset.labels !== undefined && dataset.classes !== undefined;
}

/** Throws DataError where images have no labels; `purpose` says what needs them. */
export function assertLabelled(dataset: Dataset, purpose: string): asserts dataset is Labelled {
  if (isLabelled(dataset)) return;
  throw new DataError(`${purpose} needs labels, but the images of ${dataset.name} have none`);
}
