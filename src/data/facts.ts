// What a user is told of data before anything is learned from them.
import { createHash } from "node:crypto";
import { counted } from "../text.ts";
import { type Data, type Dataset, imageBytes } from "./dataset.ts";

/** Public data sets have a few images twice. */
const usualShare = 0.01;

/** What a data set holds, in numbers. */
export interface DataFacts {
  /** Images to learn from, and to judge by. */
  readonly training: number;
  readonly test: number;
  /** How many of those to learn from come from elsewhere and have no label; absent where there are none. */
  readonly extra?: number;
  /** Channels, height and width. */
  readonly shape: readonly number[];
  /** Number of classes; absent where images have no labels. */
  readonly classes?: number;
  /** See `Data`. */
  readonly notes?: readonly string[];
}

/** What data hold, and what a user should know of them; `more` besides what reading them told. */
export function dataFacts(data: Data, more: readonly string[] = []): DataFacts {
  const { train, test, extra } = data;
  const { count, shape, classes } = train;
  const kinds = classes && { classes: classes.length };
  const notes = [...(data.notes ?? []), ...more, ...notesOnRepeated(data)];
  const facts = {
    training: count,
    test: test.count,
    shape,
    ...kinds,
    ...(notes.length > 0 && { notes }),
  };
  return extra ? { ...facts, extra } : facts;
}

/**
 * A sentence where more than a hundredth of the images to judge by are learned from, too, pixel by pixel: figures that
 * are measured on them look better than those of new images. None where memory does not hold the images.
 */
export function notesOnRepeated({ train, test }: Data): string[] {
  if (!train.pixels || !test.pixels) return [];
  const learned = new Set(hashesOf(train, train.pixels));
  const repeated = hashesOf(test, test.pixels).filter((hash) => learned.has(hash)).length;
  if (repeated <= usualShare * test.count) return [];
  return [
    `${repeated} of the ${test.count} images to judge by ${repeated === 1 ? "is" : "are"} learned from, too: on new ` +
      "images the results will be worse. Take one of each pair away, or judge by other images",
  ];
}

/**
 * A sentence where a model has more outputs than there are classes, which are then named by their own numbers (see
 * `assertLabels`); `purpose` says what images are wanted for.
 */
export function notesOnOutputs(
  { name, classes }: Dataset,
  outputs: number,
  purpose: string,
): string[] {
  if (!classes || classes.length >= outputs) return [];
  const missing = outputs - classes.length;
  return [
    `${missing} of the model's ${outputs} outputs ${missing === 1 ? "has" : "have"} no image to ${purpose}: ${name} ` +
      `knows the classes 0 to ${classes.length - 1} alone`,
  ];
}

/** A sentence where images are shown turned, as their cameras noted: most trainings in Python do not do that. */
export function notesOnTurned(parts: readonly Dataset[]): string[] {
  return notesOnRotation(parts).map(
    (note) => `${note}; torchvision's ImageFolder does not apply it: --orientation keep`,
  );
}

/** As `notesOnTurned` of images from elsewhere, which are read as the data's own: only those tell whether that is right. */
export function notesOnTurnedExtra(extra: Dataset): string[] {
  return notesOnRotation([extra], " of --extra-data");
}

function notesOnRotation(parts: readonly Dataset[], origin = ""): string[] {
  const turned = sum(parts, countTurned);
  if (turned === 0) return [];
  const images = counted(
    sum(parts, (part) => part.count),
    "image",
  );
  const carry = turned === 1 ? "carries" : "carry";
  return [`${turned} of ${images}${origin} ${carry} a camera's rotation, which is applied`];
}

function countTurned({ turned = new Uint8Array() }: Dataset): number {
  return turned.reduce((count, mark) => count + mark, 0);
}

function sum(parts: readonly Dataset[], of: (part: Dataset) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}

function hashesOf(dataset: Dataset, pixels: Uint8Array): string[] {
  const size = imageBytes(dataset);
  return Array.from({ length: dataset.count }, (_, place) =>
    createHash("sha1")
      .update(pixels.subarray(place * size, (place + 1) * size))
      .digest("base64"),
  );
}
