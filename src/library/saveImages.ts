// Images from anywhere as a data set: an iterator's images are written once to a folder of image files, which jobs
// read as often as they need, also when they are resumed.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { createDirectoryAtomically, ensureDirectory } from "../files.ts";

/** An image: the bytes of a JPEG, PNG or WebP file, or pixels [height, width, channels] with 1 or 3 channels. */
export type ImageSample = { readonly label?: number } & (
  | { readonly file: Uint8Array }
  | { readonly pixels: Uint8Array; readonly shape: readonly [number, number, number] }
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

/**
 * Writes images to a folder that must not exist, as `train/CLASS/N` and `test/CLASS/N`, and gives the options with
 * which jobs read them. Pixels lose nothing. Throws UsageError where the folder exists, ResourceError where it cannot be
 * written, and DataError for a label that is no class, a class whose name no folder can have, and pixels of another
 * number than their shape says.
 */
export async function saveImages(directory: string, images: ImageSamples): Promise<SavedImages> {
  const { classes } = images;
  for (const name of classes ?? []) assertFolderName(name);
  if (existsSync(directory)) {
    throw new UsageError(`expected a folder that does not exist, received ${directory}`);
  }
  await ensureDirectory(dirname(resolve(directory)));
  await createDirectoryAtomically(resolve(directory), async (partial) => {
    for (const part of ["train", "test"] as const) {
      for (const name of classes ?? [""])
        await mkdir(join(partial, part, name), { recursive: true });
      let count = 0;
      for await (const sample of images[part]) {
        const folder = classes ? className(classes, sample, `${part} ${count}`) : "";
        await writeFile(join(partial, part, folder, String(count)), await encode(sample));
        count++;
      }
    }
    if (classes) await writeFile(join(partial, "classes.json"), JSON.stringify(classes));
  });
  const data = `images:${directory}`;
  return classes ? { data, classes: join(directory, "classes.json") } : { data, labels: "none" };
}

function className(classes: readonly string[], { label }: ImageSample, image: string): string {
  const name = classes[label ?? -1];
  if (name !== undefined) return name;
  throw new DataError(
    `image ${image}: expected a label from 0 to ${classes.length - 1}, received ${label ?? "none"}`,
  );
}

function assertFolderName(name: string): void {
  if (name !== "" && !name.startsWith(".") && !/[/\\\0]/.test(name)) return;
  throw new DataError(`class "${name}": expected a name that a folder can have`);
}

/** A PNG file of the pixels. */
async function encode(sample: ImageSample): Promise<Uint8Array> {
  if ("file" in sample) return sample.file;
  const { pixels, shape } = sample;
  const [height, width, channels] = shape;
  if (pixels.length !== height * width * channels || (channels !== 1 && channels !== 3)) {
    throw new DataError(
      `expected pixels [height, width, channels] with 1 or 3 channels, received ${pixels.length} for [${shape.join(", ")}]`,
    );
  }
  const { default: sharp } = await import("sharp");
  const image = sharp(pixels, { raw: { width, height, channels } });
  return (channels === 1 ? image.toColourspace("b-w") : image).png().toBuffer();
}
