// Images from anywhere as a data set: an iterator's images are written once to a folder of image files, which jobs
// read as often as they need, also when they are resumed.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { findTwins } from "../data/classNames.ts";
import { describeBytes, loadSharp } from "../data/decode.ts";
import { isLeftBehind } from "../data/walk.ts";
import { DataError, UsageError } from "../errors.ts";
import { createDirectoryAtomically, ensureDirectory, writeFiles } from "../files.ts";
import { parseAs } from "../schema.ts";

/** An image: the bytes of a JPEG, PNG or WebP file, or pixels [height, width, channels] with 1 or 3 channels. */
export type ImageSample = { readonly label?: number } & (
  | { readonly file: Uint8Array }
  | {
      readonly pixels: Uint8Array | Uint8ClampedArray;
      readonly shape: readonly [number, number, number];
    }
);

/** Images to learn from and to judge by, with what their labels mean. */
export interface ImageSamples {
  /** Names of the classes, in the order of the model's outputs; none for images without labels. */
  readonly classes?: readonly string[];
  readonly train: Iterable<ImageSample> | AsyncIterable<ImageSample>;
  readonly test: Iterable<ImageSample> | AsyncIterable<ImageSample>;
}

/** Options of a job that read what was saved. */
export interface SavedImages {
  readonly data: string;
  readonly classes?: string;
  readonly labels?: "none";
}

const samples = z.custom<ImageSamples["train"]>(
  (given) => given instanceof Object && (Symbol.iterator in given || Symbol.asyncIterator in given),
  "expected what can be iterated over",
);
const asked = z.strictObject({
  directory: z.string().min(1),
  images: z.strictObject({
    classes: z.array(z.string()).min(1).optional(),
    train: samples,
    test: samples,
  }),
});

const labelled = z.object({ label: z.int().optional() });
const side = z.int().min(1);
const file = labelled.extend({
  file: z.instanceof(Uint8Array, { error: "expected the bytes of a file as Uint8Array" }),
});
const drawing = labelled.extend({
  pixels: z.union(
    [z.instanceof(Uint8Array), z.instanceof(Uint8ClampedArray)],
    "expected Uint8Array or Uint8ClampedArray, with values from 0 to 255",
  ),
  shape: z.tuple([side, side, z.union([z.literal(1), z.literal(3)], "expected 1 or 3 channels")]),
});

/**
 * Writes images to a folder that must not exist, as `train/CLASS/N` and `test/CLASS/N`, and gives the options with
 * which jobs read them. Pixels lose nothing. Throws UsageError for arguments of another kind and where the folder
 * exists, ResourceError where it cannot be written, and DataError that names the image for what is none or has a label
 * that is no class, for classes that no folders can tell apart, and for a part without images. What an iterator throws
 * passes as it is.
 */
export async function saveImages(directory: string, images: ImageSamples): Promise<SavedImages> {
  parseAs<object>(asked, { directory, images }, (problems) => {
    return new UsageError(`saveImages cannot take these arguments:\n  ${problems}`);
  });
  const { classes } = images;
  if (classes) assertFolderNames(classes);
  if (existsSync(directory)) {
    throw new UsageError(`expected a folder that does not exist, received ${directory}`);
  }
  await ensureDirectory(dirname(resolve(directory)));
  await createDirectoryAtomically(resolve(directory), (partial) =>
    writeFiles(partial, filesOf(images)),
  );
  const data = `images:${directory}`;
  return classes ? { data, classes: join(directory, "classes.json") } : { data, labels: "none" };
}

/** The files of a folder of images, by their names in it. */
async function* filesOf({
  classes,
  ...parts
}: ImageSamples): AsyncGenerator<[string, Uint8Array | string]> {
  for (const part of ["train", "test"] as const) {
    let count = 0;
    for await (const sample of parts[part]) {
      const name = `image ${count} of ${part}`;
      const content = await encode(sample, name);
      yield [join(part, classes ? className(classes, sample, name) : "", String(count)), content];
      count++;
    }
    if (count === 0) throw new DataError(`${part}: expected images, received none`);
  }
  if (classes) yield ["classes.json", JSON.stringify(classes)];
}

function className(classes: readonly string[], { label }: ImageSample, image: string): string {
  const name = classes[label ?? -1];
  if (name !== undefined) return name;
  throw new DataError(
    `${image}: expected a label from 0 to ${classes.length - 1}, received ${label ?? "none"}`,
  );
}

function assertFolderNames(classes: readonly string[]): void {
  for (const [place, name] of classes.entries()) {
    // Half of a pair of surrogates is written as U+FFFD, whichever half it is.
    if (name === "" || isLeftBehind(name) || /[/\\\0\p{Cs}]/u.test(name)) {
      throw new DataError(`class "${name}": expected a name that a folder of images can have`);
    }
    if (classes.indexOf(name) < place) throw new DataError(`class "${name}" comes twice`);
  }
  const [twins] = findTwins("the list of classes", classes);
  if (twins) throw new DataError(twins);
}

/** A sample as bytes of a file: pixels as a PNG. Throws DataError where it is no image. */
async function encode(sample: ImageSample, image: string): Promise<Uint8Array> {
  const complain = (problems: string) => new DataError(`${image}: ${problems}`);
  parseAs<object>(sample instanceof Object && "file" in sample ? file : drawing, sample, complain);
  if ("file" in sample) {
    const fault = await describeBytes(sample.file);
    if (fault === undefined) return sample.file;
    throw new DataError(`${image} ${fault}`);
  }
  const { pixels, shape } = sample;
  const [height, width, channels] = shape;
  if (pixels.length !== height * width * channels) {
    throw complain(
      `expected pixels [height, width, channels], received ${pixels.length} for [${shape.join(", ")}]`,
    );
  }
  const sharp = await loadSharp();
  const drawn = sharp(pixels, { raw: { width, height, channels: channels === 1 ? 1 : 3 } });
  return (channels === 1 ? drawn.toColourspace("b-w") : drawn).png().toBuffer();
}
