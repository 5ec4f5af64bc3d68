// A model that classifies images, whichever runtime executes it.

import { ModelError } from "../errors.ts";
import { type DataType, elementSize, type TensorData, type ValueInfo } from "../graph/graph.ts";
import { type Layout, sizesFrom } from "../graph/layout.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { isImageType } from "./inputTypes.ts";

export interface Classifier {
  /** How messages name it. */
  readonly name: string;
  /** Channels, height and width of the images that it takes. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Number of classes that it tells apart. */
  readonly outputs: number;
  /** Whether it takes pixels from 0 to 255 in whole numbers, and normalises them itself. */
  readonly takesPixels: boolean;
  /** Logits of normalised images [N, channels, height, width], row-major [N, outputs]. */
  logits(images: TensorData): Promise<Float32Array>;
  /** Median milliseconds for a batch of random images; `seconds` is the time to spend on it. */
  latency(options: { batch: number; seconds: number }): Promise<number>;
}

/** What a model takes: one image batch. */
export interface ImageInput {
  readonly name: string;
  /** A float, or whole numbers for pixels. */
  readonly dtype: DataType;
  /** Sizes that are undefined are open. */
  readonly shape: readonly [
    channels: number | undefined,
    height: number | undefined,
    width: number | undefined,
  ];
  /** The only batch size that the model takes, if it is fixed. */
  readonly batch: number | undefined;
  /** How the model wants its images. */
  readonly layout: Layout;
}

/** The image input of a model of that layout. Throws ModelError where it has another kind of input. */
export function imageInput(
  model: string,
  inputs: readonly ValueInfo[],
  layout: Layout = "NCHW",
): ImageInput {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${name}"`).join(", ") || "none";
    throw new ModelError(
      `expected ${model} to have one input, an image batch, but it has ${names}`,
    );
  }
  const axes = layout === "NHW" ? 3 : 4;
  if (!isImageType(input.dtype) || input.shape?.length !== axes || input.shape.includes(0)) {
    throw new ModelError(
      `expected input "${input.name}" of ${model} to be float32 or uint8 [batch, channels, height, width], ` +
        `but it is ${input.dtype} [${input.shape?.join(", ") ?? "of unknown rank"}]`,
    );
  }
  const [batch, ...sizes] = input.shape.map((size) =>
    typeof size === "number" ? size : undefined,
  );
  const [channels, height, width] = sizesFrom(layout, sizes);
  const shape = [channels, height, width] as const;
  return { name: input.name, dtype: input.dtype, shape, batch, layout };
}

/** Float32 images [N, channels, height, width] as a model of that layout takes them. */
export function arrangeImages(images: TensorData, layout: Layout): TensorData {
  if (layout === "NCHW") return images;
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  if (layout === "NHW") return { ...images, shape: [count, height, width] };
  const area = height * width;
  const from = toFloat32(images);
  const to = new Float32Array(from.length);
  for (let image = 0; image < count; image++) {
    const start = image * channels * area;
    for (let channel = 0; channel < channels; channel++) {
      const plane = start + channel * area;
      for (let pixel = 0; pixel < area; pixel++) {
        to[start + pixel * channels + channel] = from[plane + pixel]!;
      }
    }
  }
  return fromFloat32([count, height, width, channels], to);
}

/**
 * Runs any number of images through a model whose batch size is fixed: in batches of that size, the
 * last one filled up with zeros. Gives the rows of all results, one after another.
 */
export async function inFixedBatches(
  images: TensorData,
  fixed: number,
  run: (images: TensorData) => Promise<Float32Array>,
): Promise<Float32Array> {
  const [count = 0, ...shape] = images.shape;
  const bytes = shape.reduce((product, size) => product * size, elementSize[images.dtype]);
  const results: Float32Array[] = [];
  for (let start = 0; start < count; start += fixed) {
    const filled = Math.min(fixed, count - start);
    const data = new Uint8Array(fixed * bytes);
    data.set(images.data.subarray(start * bytes, (start + filled) * bytes));
    const rows = await run({ dtype: images.dtype, shape: [fixed, ...shape], data });
    results.push(rows.subarray(0, (rows.length / fixed) * filled));
  }
  return concatenate(results);
}

export function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    whole.set(part, filled);
    filled += part.length;
  }
  return whole;
}

/** Number of classes by the result of one image. Throws ModelError where the result has no rows. */
export function classesOf(model: string, logits: TensorData, batch: number): number {
  const count = logits.shape.reduce((product, size) => product * size, 1) / batch;
  // Where a model squeezes its answer, one image's has no axis for the batch.
  const isRow = logits.shape[0] === batch || (batch === 1 && logits.shape.length === 1);
  if (isRow && count >= 1) return count;
  throw new ModelError(
    `expected ${model} to give one row of logits for each image, but it gives ` +
      `[${logits.shape.join(", ")}] for ${batch} image${batch === 1 ? "" : "s"}`,
  );
}
