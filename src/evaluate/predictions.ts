// What two classifiers answer to each image, as a small file, with the images on which they are furthest apart.
import { type Dataset, imageBytes } from "../data/dataset.ts";
import { loadSharp } from "../data/decode.ts";
import { sha256Of, writeFileAtomically } from "../files.ts";
import type { Answers } from "./evaluate.ts";
import { probabilitiesOf } from "./probabilities.ts";

/** The answers of one classifier, an entry an image. */
export interface Predicted {
  /** The class of the largest probability. */
  readonly classes: readonly number[];
  /** That probability. */
  readonly confidences: readonly number[];
}

/** An image as a PNG file, with its place in the data set. */
export interface Thumbnail {
  readonly place: number;
  /** In base64. */
  readonly png: string;
}

/** What `predictions.json` of a run holds. */
export interface Predictions {
  readonly format: 1;
  /** Names of the classes and the right one of each image; null where images have no labels. */
  readonly classes: readonly string[] | null;
  readonly labels: readonly number[] | null;
  readonly original: Predicted;
  readonly obfuscated: Predicted;
  /** Total variation distance of both models' probabilities: 0 alike, 1 without anything in common. */
  readonly apart: readonly number[];
  /** Images on which the two differ most, the worst first. */
  readonly thumbnails: readonly Thumbnail[];
}

const mostThumbnails = 24;
const largestThumbnail = 96;
/** Of all thumbnails together, in bytes of base64. */
const roomForThumbnails = 180_000;

/** Writes what both classifiers answered to the images of a data set, and gives the file's SHA-256. */
export async function writePredictions(
  path: string,
  [original, obfuscated]: readonly [Answers, Answers],
  dataset: Dataset,
): Promise<string> {
  const { labels, classes } = dataset;
  const outputs = original.logits.length / dataset.count;
  const [first, second] = [original, obfuscated].map(({ logits }) =>
    probabilitiesOf(logits, outputs),
  ) as [Float32Array[], Float32Array[]];
  const apart = first.map((row, image) => distance(row, second[image]!));
  const predictions: Predictions = {
    format: 1,
    classes: classes ?? null,
    labels: labels ? [...labels] : null,
    original: predicted(original.classes, first),
    obfuscated: predicted(obfuscated.classes, second),
    apart: apart.map(rounded),
    thumbnails: await thumbnailsOf(dataset, furthest(apart)),
  };
  const text = `${JSON.stringify(predictions)}\n`;
  await writeFileAtomically(path, text);
  return sha256Of(text);
}

/** Total variation distance. */
function distance(first: Float32Array, second: Float32Array): number {
  return first.reduce((sum, p, i) => sum + Math.abs(p - second[i]!), 0) / 2;
}

function predicted(classes: Int32Array, probabilities: readonly Float32Array[]): Predicted {
  const confidence = (answer: number, image: number) => rounded(probabilities[image]![answer]!);
  return { classes: [...classes], confidences: Array.from(classes, confidence) };
}

/** Places of the largest distances, the largest first. */
function furthest(apart: readonly number[]): number[] {
  const places = apart.map((_, place) => place).filter((place) => apart[place]! > 0);
  return places.sort((a, b) => apart[b]! - apart[a]!).slice(0, mostThumbnails);
}

async function thumbnailsOf(dataset: Dataset, places: readonly number[]): Promise<Thumbnail[]> {
  const pixels = await dataset.read(Int32Array.from(places));
  const size = imageBytes(dataset);
  const thumbnails: Thumbnail[] = [];
  let room = roomForThumbnails;
  for (const [i, place] of places.entries()) {
    const png = await encodePng(pixels.subarray(i * size, (i + 1) * size), dataset);
    room -= png.length;
    if (room < 0) break;
    thumbnails.push({ place, png });
  }
  return thumbnails;
}

/** Planar pixels as a PNG file in base64, no larger than a thumbnail. Of other than three channels the first counts. */
export async function encodePng(
  pixels: Uint8Array,
  { shape: [channels, height, width], channelOrder }: Pick<Dataset, "shape" | "channelOrder">,
): Promise<string> {
  const area = height * width;
  const shown = channels === 3 ? 3 : 1;
  const interleaved = new Uint8Array(shown * area);
  const planeOf = (channel: number) => (channelOrder === "bgr" ? shown - 1 - channel : channel);
  for (let i = 0; i < interleaved.length; i++) {
    interleaved[i] = pixels[planeOf(i % shown) * area + Math.floor(i / shown)]!;
  }
  const sharp = await loadSharp();
  const image = sharp(interleaved, { raw: { width, height, channels: shown } });
  const fitting = { width: largestThumbnail, height: largestThumbnail, fit: "inside" } as const;
  const small = image.resize({ ...fitting, withoutEnlargement: true });
  return (await small.png({ compressionLevel: 9 }).toBuffer()).toString("base64");
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
