// Decodes a JPEG, PNG or WebP file with sharp (libvips) into planar bytes. Files are not trusted: other formats are
// refused by their first bytes before sharp sees them, as what it opens is a setting of the whole process, which may be
// a caller's. Damage that costs pixels is refused, and sizes are checked before pixels exist.
// Colours are made as Pillow makes them, which is what models were trained with (https://pillow.readthedocs.io,
// Image.convert).

import { open, readFile } from "node:fs/promises";
import type { default as Decoder, Metadata, Sharp } from "sharp";
import { packageCommand } from "../../native/remedies.mjs";
import { ResourceError } from "../errors.ts";
import { gitLfsPointer } from "../files.ts";
import { whyUnreadable } from "../systemErrors.ts";
import { fileSize } from "./complaints.ts";
import { fit, type ImageView, type Orientation } from "./imageView.ts";
import { type Raster, resample } from "./resample.ts";

type Decode = typeof Decoder;

const largestFile = 256 * 2 ** 20;
const largestImage = 50_000_000;
/** Where nearly every file has its header, also behind a camera's notes and thumbnail. */
const usualHeader = 2 ** 18;
/** Formats by sharp's names, with their first bytes. */
const signatures: readonly [format: string, start: RegExp][] = [
  ["jpeg", /^ffd8ff/],
  ["png", /^89504e470d0a1a0a/],
  ["webp", /^52494646.{8}57454250/],
];
const otherFormat = "is not a JPEG, PNG or WebP image";

/** How an image is shown. */
export interface Shown {
  readonly size: readonly [height: number, width: number];
  /** Whether a rotation that its camera noted is applied. */
  readonly isTurned: boolean;
}

/**
 * How an image file is shown, by its header, or a complaint as the end of a sentence. The whole file is read only where
 * its start does not tell.
 */
export async function probeImage(path: string, orientation: Orientation): Promise<Shown | string> {
  const show = async (_: Sharp, metadata: Metadata) => shownAs(metadata, orientation);
  const shown = await withImage(path, show, usualHeader);
  return typeof shown === "string" ? withImage(path, show) : shown;
}

/**
 * The pixels of an image file as `view` has them, planar, or a complaint as the end of a sentence.
 * Transparency and colour profiles are dropped; of an animation the first frame is taken.
 */
export async function decodeImage(
  path: string,
  view: ImageView,
): Promise<{ readonly planes: Uint8Array; readonly isTurned: boolean } | string> {
  return withImage(path, async (image, metadata) => {
    const { size, isTurned } = shownAs(metadata, view.orientation);
    const complaint = describeSize(size, view);
    if (complaint !== undefined) return complaint;
    const colours = await toRgb(isTurned ? image.autoOrient() : image, metadata);
    const raster = view.shape[0] === 1 ? toGrey(colours) : colours;
    return { planes: toPlanes(resample(raster, fit(raster, view)), view), isTurned };
  });
}

function shownAs(metadata: Metadata, orientation: Orientation): Shown {
  const { orientation: noted = 1 } = metadata;
  const isTurned = orientation === "apply" && noted >= 2 && noted <= 8;
  const { height, width } = isTurned ? metadata.autoOrient : metadata;
  return { size: [height, width], isTurned };
}

/** What is wrong with an image's size, where it is not to be changed. */
export function describeSize(
  [height, width]: readonly [number, number],
  { shape: [, wantedHeight, wantedWidth], resize, fixedSide }: ImageView,
): string | undefined {
  if (resize !== "none" || (height === wantedHeight && width === wantedWidth)) return undefined;
  const size = fixedSide ?? Math.min(wantedHeight, wantedWidth);
  return (
    `is ${height}×${width} (height × width), not ${wantedHeight}×${wantedWidth}: --image-size ${size} brings all ` +
    "images to one size"
  );
}

async function withImage<T>(
  path: string,
  use: (image: Sharp, metadata: Metadata) => Promise<T>,
  mostBytes = largestFile,
): Promise<T | string> {
  const content = await readImage(path, mostBytes);
  return typeof content === "string" ? content : withHeader(content, use);
}

async function withHeader<T>(
  content: Uint8Array,
  use: (image: Sharp, metadata: Metadata) => Promise<T>,
): Promise<T | string> {
  const format = formatOf(content);
  if (format === undefined) {
    const { text, is } = gitLfsPointer;
    const start = Buffer.from(content.subarray(0, text.length)).toString("latin1");
    return start === text ? `is ${is}` : otherFormat;
  }
  const decoder = await loadSharp();
  try {
    const image = decoder(content, {
      failOn: "error",
      limitInputPixels: largestImage,
      ignoreIcc: true,
    });
    const metadata = await image.metadata();
    return metadata.format === format ? await use(image, metadata) : otherFormat;
  } catch (cause) {
    return describeDamage(cause);
  }
}

/** A file, or its start where it has more than `mostBytes`. */
async function readImage(path: string, mostBytes: number): Promise<Uint8Array | string> {
  const size = await fileSize(path);
  if (typeof size === "string") return size;
  const read = () => (size > mostBytes ? readStart(path, mostBytes) : readFile(path));
  return describeLength(size) ?? read().catch(whyUnreadable);
}

async function readStart(path: string, bytes: number): Promise<Uint8Array> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(new Uint8Array(bytes));
  return buffer.subarray(0, bytesRead);
}

function describeLength(size: number): string | undefined {
  if (size === 0) return "is empty";
  return size > largestFile ? `is larger than ${largestFile / 2 ** 20} MiB` : undefined;
}

/** The format that the first bytes tell. */
function formatOf(content: Uint8Array): string | undefined {
  const start = Buffer.from(content.subarray(0, 12)).toString("hex");
  return signatures.find(([, signature]) => signature.test(start))?.[0];
}

/** What is wrong with the bytes of an image file, by their header, as the end of a sentence. */
export async function describeBytes(content: Uint8Array): Promise<string | undefined> {
  return describeLength(content.length) ?? withHeader(content, async () => undefined);
}

function describeDamage(cause: unknown): string {
  const lines = (cause as Error).message.split("\n").map((line) => line.trim());
  const message = [...new Set(lines)].join(" ").trim();
  if (/pixel limit/.test(message)) return `has more than ${largestImage / 1e6} million pixels`;
  return `is damaged: ${message}`;
}

/** All pixels of an image, in their own size, as red, green and blue. */
async function toRgb(image: Sharp, { space }: Metadata): Promise<Raster> {
  const isPrint = space === "cmyk";
  const opaque = isPrint
    ? image.pipelineColourspace("cmyk").toColourspace("cmyk")
    : image.toColourspace("srgb").removeAlpha();
  const { data, info } = await opaque.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  const { height, width, channels } = info;
  const raster = { pixels: data, height, width, channels };
  return isPrint ? fromInks(raster) : raster;
}

/** Cyan, magenta, yellow and black as `convert("RGB")` has them: (255 − ink) (255 − black) / 255. */
function fromInks({ pixels, height, width, channels }: Raster): Raster {
  const area = height * width;
  const colours = new Uint8Array(3 * area);
  for (let place = 0; place < area; place++) {
    const light = 255 - pixels[place * channels + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      const product = pixels[place * channels + channel]! * light + 128;
      colours[place * 3 + channel] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return { pixels: colours, height, width, channels: 3 };
}

/** Luma of ITU-R BT.601 as `convert("L")` rounds it. */
function toGrey({ pixels, height, width }: Raster): Raster {
  const luma = new Uint8Array(height * width);
  for (let place = 0; place < luma.length; place++) {
    const red = pixels[3 * place]!;
    const green = pixels[3 * place + 1]!;
    const blue = pixels[3 * place + 2]!;
    luma[place] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return { pixels: luma, height, width, channels: 1 };
}

function toPlanes({ pixels, channels }: Raster, { channelOrder }: ImageView): Uint8Array {
  if (channels === 1) return pixels;
  const planes = new Uint8Array(pixels.length);
  const area = pixels.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    const from = channelOrder === "bgr" ? channels - 1 - channel : channel;
    const offset = channel * area;
    for (let place = 0; place < area; place++) {
      planes[offset + place] = pixels[place * channels + from]!;
    }
  }
  return planes;
}

let loaded: Promise<Decode> | undefined;

/** Loads sharp on first use: commands without image folders or pictures need not have it. */
export function loadSharp(): Promise<Decode> {
  loaded ??= import("sharp").then(
    ({ default: decoder }) => decoder,
    (cause: Error) => {
      throw new ResourceError(
        `image folders and the pictures of a run's page need the npm package sharp, which cannot be loaded: ${cause.message}\n` +
          `Install it with: ${packageCommand("sharp")}`,
        { cause },
      );
    },
  );
  return loaded;
}
