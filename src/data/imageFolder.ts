// Folders of images, one folder a class: train/CLASS/* and test/CLASS/* (or val/CLASS/*).

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { assertNoComplaints, listFolder } from "./complaints.ts";
import type { Data } from "./dataset.ts";
import { probeImage } from "./decode.ts";
import { openImageFiles } from "./imageFiles.ts";
import type { ImageShape, ImageView } from "./imageView.ts";

/** Files that desktops leave behind. */
const ignored = /^\.|^(Thumbs\.db|desktop\.ini)$/i;

interface Part {
  readonly name: string;
  readonly classes: readonly string[];
  /** Paths below the data folder, class by class. */
  readonly files: readonly string[];
  readonly labels: Int32Array;
}

/**
 * The images below `folder`. Classes are the folders' names in order of their code units. With `shape` every
 * image is resized to it; without, images must have one size and become RGB. Throws DataError with everything
 * that is wrong.
 */
export async function loadImageFolder(folder: string, shape?: ImageShape): Promise<Data> {
  const names = await listFolder(folder);
  const testName = ["test", "val"].find((name) => names.includes(name)) ?? "test";
  const complaints: string[] = [];
  const train = await listPart(folder, "train", { names, complaints });
  const test = await listPart(folder, testName, { names, complaints });
  if (train && test) complaints.push(...compareClasses(train, test));
  assertNoComplaints(`${folder} does not hold image folders`, complaints);

  const target = shape ?? (await commonShape(folder, [...train!.files, ...test!.files]));
  const view: ImageView = { shape: target, resize: shape ? "crop" : "none", channelOrder: "rgb" };
  const parts = [train!, test!].map((part) => ({ ...part, name: `${folder} (${part.name})` }));
  const [learned, judged] = await openImageFiles(parts, { folder, view });
  return { train: learned!, test: judged! };
}

async function listPart(
  folder: string,
  name: string,
  { names, complaints }: { names: readonly string[]; complaints: string[] },
): Promise<Part | undefined> {
  if (!names.includes(name)) {
    const wanted = name === "test" ? "test/ (or val/)" : `${name}/`;
    complaints.push(`${wanted} does not exist: expected ${name}/CLASS/IMAGE`);
    return undefined;
  }
  const entries = (await listFolder(join(folder, name))).filter((entry) => !ignored.test(entry));
  const classes: string[] = [];
  const files: string[] = [];
  const labels: number[] = [];
  for (const entry of entries) {
    const path = join(name, entry);
    if (!(await isFolder(join(folder, path)))) {
      complaints.push(`${path} is not a folder: expected ${name}/CLASS/IMAGE`);
      continue;
    }
    const images = (await listFolder(join(folder, path))).filter((image) => !ignored.test(image));
    if (images.length === 0) complaints.push(`${path} holds no image`);
    for (const image of images) {
      files.push(join(path, image));
      labels.push(classes.length);
    }
    classes.push(entry);
  }
  if (classes.length === 0) complaints.push(`${name} holds no class folder`);
  return { name, classes, files, labels: Int32Array.from(labels) };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

function compareClasses(train: Part, test: Part): string[] {
  const missing = (from: Part, other: Part) =>
    other.classes
      .filter((name) => !from.classes.includes(name))
      .map((name) => `class "${name}" is in ${other.name} but not in ${from.name}`);
  return [...missing(test, train), ...missing(train, test)];
}

/** RGB in the size of the first image that can be read. */
async function commonShape(folder: string, files: readonly string[]): Promise<ImageShape> {
  const complaints: string[] = [];
  for (const file of files) {
    const size = await probeImage(join(folder, file));
    if (typeof size !== "string") return [3, ...size];
    complaints.push(`${file} ${size}`);
  }
  assertNoComplaints(`no image of ${folder} can be read`, complaints);
  throw new RangeError("no files");
}
