// Images and folders of them for tests of image folders.

import sharp, { type Sharp } from "sharp";
import type { Dataset } from "../../src/data/index.ts";
import { temporaryFolders } from "./folder.ts";

export type Colour = readonly [red: number, green: number, blue: number];
export const red: Colour = [255, 0, 0];
export const teal: Colour = [10, 120, 130];

/** An image of one colour. */
export function plain([r, g, b]: Colour, width = 4, height = 4): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

export function png(colour: Colour, width?: number, height?: number): Promise<Buffer> {
  return plain(colour, width, height).png().toBuffer();
}

export function grey(level: number): Promise<Buffer> {
  return png([level, level, level]);
}

/** Makes folders with classes a and b, changed by the given files; undefined takes a file away. */
export function imageFolders() {
  const folders = temporaryFolders();
  const dataFolder = async (files: Record<string, Uint8Array | string | undefined> = {}) => {
    const all: Record<string, Uint8Array | string | undefined> = {
      "train/a/1.png": await png(red),
      "train/a/2.png": await png(teal),
      "train/b/1.png": await png(teal),
      "test/a/1.png": await png(red),
      "test/b/1.png": await png(teal),
      ...files,
    };
    const present = Object.entries(all).filter((entry) => entry[1] !== undefined);
    return folders(Object.fromEntries(present) as Record<string, Uint8Array | string>);
  };
  return { folders, dataFolder };
}

/** The first level of each image. */
export async function levels(dataset: Dataset): Promise<(number | undefined)[]> {
  const places = Int32Array.from({ length: dataset.count }, (_, place) => place);
  const pixels = await dataset.read(places);
  return [...places].map((place) => pixels[(place * pixels.length) / dataset.count]);
}
