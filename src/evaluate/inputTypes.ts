// Images in the element type that a model takes them in.
import type { Normalization } from "../data/normalize.ts";
import { ModelError, UsageError } from "../errors.ts";
import type { DataType, Graph, TensorData } from "../graph/graph.ts";
import { pixelTypes } from "../graph/rewrites.ts";
import { fromNumbers, isFloat, toFloat32 } from "../graph/tensorData.ts";

/** Throws UsageError where a model that takes whole numbers from 0 to 255 would get normalised images. */
export function assertPlainPixels(graph: Graph, { mean, std }: Normalization, model: string): void {
  const [input] = graph.inputs;
  const isPlain = mean.every((value) => value === 0) && std.every((value) => value === 1);
  if (!input || isPlain || isFloat(input.dtype)) return;
  throw new UsageError(`--mean, --std: ${normalisesItself(model, input.dtype)}`);
}

function normalisesItself(model: string, dtype: DataType): string {
  return `${model} takes pixels from 0 to 255 as ${dtype} and normalises them itself; leave out --mean and --std`;
}

/** Whether images can be given to an input of this type. */
export function isImageType(dtype: DataType): boolean {
  return isFloat(dtype) || pixelTypes.includes(dtype);
}

const white = 255;

/**
 * Float32 images as a tensor of the type. Whole numbers are pixels from 0 to 255, for images from 0 to 1;
 * `model` is for the message. Throws ModelError where images were normalised to another range.
 */
export function imagesAs(dtype: DataType, images: TensorData, model: string): TensorData {
  if (dtype === "float32") return images;
  const values = toFloat32(images);
  if (isFloat(dtype)) return fromNumbers(dtype, images.shape, values);
  const pixels = values.map((value) => Math.round(value * white));
  if (pixels.every((pixel) => pixel >= 0 && pixel <= white)) {
    return fromNumbers(dtype, images.shape, pixels);
  }
  throw new ModelError(normalisesItself(model, dtype));
}
