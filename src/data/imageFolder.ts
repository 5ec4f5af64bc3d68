// Folders of images: train/CLASS/** and test/CLASS/**, or of any depth where they have no labels.

import { join } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { counted } from "../text.ts";
import { assertNoComplaints, listFolder } from "./complaints.ts";
import type { DataOptions } from "./dataOptions.ts";
import type { Data, Dataset } from "./dataset.ts";
import { probeImage } from "./decode.ts";
import { notesOnTurned } from "./facts.ts";
import { listParts } from "./folderParts.ts";
import { openImageFiles } from "./imageFiles.ts";
import type { ImageShape, ImageView, Orientation } from "./imageView.ts";
import { walk } from "./walk.ts";

/** Channels, height and width that a model's images have, as far as it says. */
export type OpenShape = readonly [
  channels: number | undefined,
  height: number | undefined,
  width: number | undefined,
];

/** That of a model which says nothing. */
export const anyShape: OpenShape = [undefined, undefined, undefined];

interface FolderOptions extends DataOptions {
  readonly shape?: OpenShape;
}

/**
 * The images below `folder`. They are brought to the model's `shape`, or to `imageSize`; where neither says a
 * size they must have one. Three channels where the model does not say. Throws DataError with everything that is
 * wrong with the data, and UsageError for options that do not fit them.
 */
export async function loadImageFolder(folder: string, options: FolderOptions = {}): Promise<Data> {
  const { train, test, notes } = await listParts(folder, { ...options, judgeOnly: false });
  const view = await viewOf(folder, [...train!.files, ...test.files], options);
  const [learned, judged] = await openImageFiles([train!, test], { folder, view });
  return {
    train: learned!,
    test: judged!,
    notes: [...notes, ...notesOnTurned([learned!, judged!])],
  };
}

/** The images to judge by alone: there need be no others. Throws as `loadImageFolder` does. */
export async function loadTestFolder(
  folder: string,
  options: FolderOptions = {},
): Promise<Pick<Data, "test" | "notes">> {
  const { test, notes } = await listParts(folder, { ...options, judgeOnly: true });
  const view = await viewOf(folder, test.files, options);
  const [judged] = await openImageFiles([test], { folder, view });
  return { test: judged!, notes: [...notes, ...notesOnTurned([judged!])] };
}

/** All images below `folder`, at any depth, without labels. Throws as `loadImageFolder` does. */
export async function loadUnlabelled(
  folder: string,
  options: FolderOptions = {},
): Promise<Dataset> {
  const complaints: string[] = [];
  await listFolder(folder);
  const files = await walk(folder, "", { complaints });
  if (files.length === 0) complaints.push("no image is in it");
  assertNoComplaints(`${folder} does not hold images`, complaints);
  const view = await viewOf(folder, files, options);
  const [images] = await openImageFiles([{ name: folder, files }], { folder, view });
  return images!;
}

async function viewOf(
  folder: string,
  files: readonly string[],
  {
    shape = anyShape,
    imageSize,
    resize,
    orientation = "apply",
    channelOrder = "rgb",
  }: FolderOptions,
): Promise<ImageView> {
  const [channels = 3, height, width] = shape;
  if (channels !== 1 && channels !== 3) {
    throw new DataError(
      `the model takes images of ${counted(channels, "channel")}, but those of ${folder} have 1 (grey) or 3 (colour)`,
    );
  }
  if (channels === 1 && channelOrder === "bgr") {
    throw new UsageError("--channel-order: expected a model of 3 channels for bgr, but it has 1");
  }
  const size = sizeOf(height, width, imageSize);
  if (size === undefined && resize !== undefined) {
    throw new UsageError(
      "--resize: needs --image-size, because the model leaves the size of images open",
    );
  }
  const [tall, wide] = size ?? (await commonSize(folder, files, orientation));
  if (typeof resize === "number" && resize < Math.max(tall, wide)) {
    throw new UsageError(
      `--resize: expected at least ${Math.max(tall, wide)}, the size that is cut out, received ${resize}`,
    );
  }
  const target: ImageShape = [channels, tall, wide];
  const view = { shape: target, orientation, channelOrder };
  if (size) return { ...view, resize: resize ?? "crop" };
  const fixedSide = height ?? width;
  return { ...view, resize: "none", ...(fixedSide !== undefined && { fixedSide }) };
}

/** The size that the model or the user wants. */
function sizeOf(
  height: number | undefined,
  width: number | undefined,
  imageSize: number | undefined,
): readonly [number, number] | undefined {
  if ([height, width].some((length) => length && imageSize && length !== imageSize)) {
    throw new UsageError(
      `--image-size: the model takes images of ${height ?? "any"}×${width ?? "any"}, received ${imageSize}`,
    );
  }
  const [tall, wide] = [height ?? imageSize, width ?? imageSize];
  return tall !== undefined && wide !== undefined ? [tall, wide] : undefined;
}

/** Height and width of the first image that can be read. */
async function commonSize(
  folder: string,
  files: readonly string[],
  orientation: Orientation,
): Promise<readonly [number, number]> {
  const complaints: string[] = [];
  for (const file of files) {
    const shown = await probeImage(join(folder, file), orientation);
    if (typeof shown !== "string") return shown.size;
    complaints.push(`${file} ${shown}`);
  }
  assertNoComplaints(`no image of ${folder} can be read`, complaints);
  throw new RangeError("no files");
}
