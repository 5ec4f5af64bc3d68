// What a user may say about data beside where they are, and the checks that need no image.

import { UsageError } from "../errors.ts";
import type { DataFormat } from "./notation.ts";

/** How data are read. All but `channelOrder` and `labels` go for image folders alone. */
export interface DataOptions {
  /**
   * How images of folders are brought to the model's size: see `Resize` of imageView.ts; `crop` by default.
   * A number is the length of the shorter side before the crop.
   */
  readonly resize?: "crop" | "squash" | number;
  /** Height and width of images, where the model leaves them open. */
  readonly imageSize?: number;
  /** What is done with a rotation that a camera noted: `apply` (default), or `keep` the pixels as they are stored. */
  readonly orientation?: "apply" | "keep";
  /** Order of colours that the model was trained with: `rgb` by default, OpenCV's is `bgr`. */
  readonly channelOrder?: "rgb" | "bgr";
  /** `folders` (default): an image's folder is its class. `none`: images have no labels, whatever their folders. */
  readonly labels?: "folders" | "none";
  /** Names of the classes in the order of the model's outputs, or a file that holds them, such as the model's own. */
  readonly classes?: string | readonly string[];
  /** Share of the training images of each class to judge by, where a folder has no test part. */
  readonly testShare?: number;
}

/** Flags of the options that go for image folders alone. */
const forFolders = {
  resize: "--resize",
  imageSize: "--image-size",
  orientation: "--orientation",
  classes: "--classes",
  testShare: "--test-share",
} as const;

/** Flags of all options but `channelOrder`, which says how the model was trained, whatever the data. */
export const readingFlags = { ...forFolders, labels: "--labels" } as const;

/** Throws UsageError for options that cannot go with a format, or with each other, and for values out of range. */
export function assertDataOptions(options: DataOptions, format: DataFormat): void {
  const { labels, classes, testShare, imageSize, resize } = options;
  const given = Object.entries(forFolders).filter(
    ([name]) => options[name as keyof typeof forFolders] !== undefined,
  );
  if (format !== "images" && given.length > 0) {
    const names = given.map(([, flag]) => flag).join(", ");
    throw new UsageError(
      `${names}: only for image folders (images:DIR), but the data are ${format}:DIR`,
    );
  }
  if (labels === "none" && classes !== undefined) {
    throw new UsageError("--classes: not together with --labels none, which has no classes");
  }
  if (testShare !== undefined && !(testShare > 0 && testShare <= 1)) {
    throw new UsageError(
      `--test-share: expected a number above 0 and up to 1, received ${testShare}`,
    );
  }
  const sizes = [
    ["--image-size", imageSize],
    ["--resize", typeof resize === "number" ? resize : undefined],
  ] as const;
  for (const [flag, size] of sizes) {
    if (size === undefined || (Number.isInteger(size) && size >= 1)) continue;
    throw new UsageError(`${flag}: expected a whole number of pixels from 1, received ${size}`);
  }
}
