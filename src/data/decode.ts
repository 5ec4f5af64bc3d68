// Decodes JPEG, PNG and WebP files into planar bytes with sharp (libvips). Files are not trusted: all
// other decoders are switched off, damage is refused, and sizes are checked before pixels exist.

import { readFile } from "node:fs/promises";
import type { default as Decoder, Sharp } from "sharp";
import { ResourceError } from "../errors.ts";
import { describeFailure, fileSize } from "./complaints.ts";

type Decode = typeof Decoder;

/** Channels, height and width; channels are 1 (grey) or 3 (RGB). */
export type ImageShape = readonly [channels: number, height: number, width: number];

const concurrency = 8;
const largestFile = 256 * 2 ** 20;
const largestImage = 50_000_000;

/** One image to decode: where it is, and where its pixels go. */
export interface DecodeJob {
  readonly path: string;
  readonly target: Uint8Array;
}

/**
 * Decodes every job's file into its target as planar bytes of `shape`. Without `resize`, images must
 * have the height and width of `shape`; with it they are scaled until they just cover it and cropped
 * around their centre. Greyscale, CMYK, 16-bit and palette images become RGB (or grey, for one
 * channel); transparency is dropped; a rotation noted by the camera is applied; of an animation the
 * first frame is taken. Gives each file's complaint, or undefined where there is none.
 */
export async function decodeImages(
  jobs: readonly DecodeJob[],
  { shape, resize }: { shape: ImageShape; resize: boolean },
): Promise<(string | undefined)[]> {
  const decoder = await loadSharp();
  const complaints: (string | undefined)[] = new Array(jobs.length).fill(undefined);
  let next = 0;
  const work = async () => {
    while (next < jobs.length) {
      const index = next++;
      complaints[index] = await decode(decoder, jobs[index]!, { shape, resize });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return complaints;
}

/** Height and width of an image file as it is shown, or a complaint. */
export async function probeImage(path: string): Promise<readonly [number, number] | string> {
  const decoder = await loadSharp();
  const content = await readImage(path);
  if (typeof content === "string") return content;
  try {
    const { autoOrient } = await open(decoder, content).metadata();
    return [autoOrient.height, autoOrient.width];
  } catch (cause) {
    return describeDamage(cause);
  }
}

async function decode(
  decoder: Decode,
  { path, target }: DecodeJob,
  { shape, resize }: { shape: ImageShape; resize: boolean },
): Promise<string | undefined> {
  const content = await readImage(path);
  if (typeof content === "string") return content;
  const [channels, height, width] = shape;
  try {
    const image = open(decoder, content).autoOrient();
    if (resize) image.resize(width, height, { fit: "cover", position: "centre", kernel: "linear" });
    const { data, info } = await image
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.height !== height || info.width !== width) {
      return `is ${info.height}×${info.width} (height × width), not ${height}×${width}`;
    }
    if (info.channels !== channels) return `has ${info.channels} channels, not ${channels}`;
    toPlanar(data, target, channels);
    return undefined;
  } catch (cause) {
    return describeDamage(cause);
  }
}

async function readImage(path: string): Promise<Uint8Array | string> {
  const size = await fileSize(path);
  if (typeof size === "string") return size;
  if (size === 0) return "is empty";
  if (size > largestFile) return `is larger than ${largestFile / 2 ** 20} MiB`;
  return readFile(path).catch(describeFailure);
}

function open(decoder: Decode, content: Uint8Array): Sharp {
  return decoder(content, { failOn: "warning", limitInputPixels: largestImage });
}

function describeDamage(cause: unknown): string {
  const message = (cause as Error).message.replace(/\s+/g, " ").trim();
  if (/unsupported image format/.test(message)) return "is not a JPEG, PNG or WebP image";
  if (/pixel limit/.test(message)) return `has more than ${largestImage / 1e6} million pixels`;
  return `is damaged: ${message}`;
}

function toPlanar(pixels: Uint8Array, planes: Uint8Array, channels: number): void {
  const area = planes.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    const offset = channel * area;
    for (let place = 0; place < area; place++) {
      planes[offset + place] = pixels[place * channels + channel]!;
    }
  }
}

let loaded: Promise<Decode> | undefined;

/** Loads sharp on first use: commands without image folders need not have it. */
function loadSharp(): Promise<Decode> {
  loaded ??= import("sharp").then(
    ({ default: decoder }) => {
      decoder.cache(false);
      decoder.concurrency(1);
      decoder.block({ operation: ["VipsForeignLoad"] });
      decoder.unblock({
        operation: ["VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadWebp"],
      });
      return decoder;
    },
    (cause: Error) => {
      throw new ResourceError(
        `image folders need the npm package sharp, which cannot be loaded: ${cause.message}\n` +
          "Install it with: npm install sharp@0.35.5",
        { cause },
      );
    },
  );
  return loaded;
}
