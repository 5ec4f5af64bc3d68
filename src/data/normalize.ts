// Normalised images on the host, for ONNX Runtime. The arithmetic is that of the device's batches, so
// both get the same bits.

import { UsageError } from "../errors.ts";
import type { TensorData } from "../graph/graph.ts";
import { fromFloat32 } from "../graph/tensorData.ts";
import { counted } from "../text.ts";
import type { Dataset } from "./dataset.ts";
import { inLists, readAhead } from "./readAhead.ts";

/** A pixel p of channel c becomes (p / 255 - mean[c]) / std[c]. A single number goes for all channels. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A batch on the host: images [size, channels, height, width] in float32. */
export interface HostBatch {
  readonly images: TensorData;
  /** Class numbers, where the images have labels. */
  readonly labels?: Int32Array;
  readonly size: number;
}

/** A mean or deviation that looks like one for pixels from 0 to 255; those of pixels from 0 to 1 are at most 1. */
const largestOfOne = 3;

/** The figures for pixels from 0 to 1, where some look like those for pixels from 0 to 255; else undefined. */
export function fromWholePixels({ mean, std }: Normalization): Normalization | undefined {
  const areWhole = (values: readonly number[]) => values.some((value) => value > largestOfOne);
  if (!areWhole(mean) && !areWhole(std)) return undefined;
  const scaled = (values: readonly number[]) =>
    areWhole(values) ? values.map((value) => value / 255) : values;
  return { mean: scaled(mean), std: scaled(std) };
}

/**
 * Throws UsageError where figures look like those for pixels from 0 to 255: no original shows that a new network learns
 * from images that are all alike.
 */
export function assertForUnitPixels(given: Normalization): void {
  const meant = fromWholePixels(given);
  if (!meant) return;
  const flags = ({ mean, std }: Normalization) =>
    [
      ...(mean.length > 0 ? [`--mean ${rounded(mean)}`] : []),
      ...(std.length > 0 ? [`--std ${rounded(std)}`] : []),
    ].join(" ");
  throw new UsageError(
    `pixels are 0 to 1 here: expected ${flags(meant)}, received ${flags(given)}, which is for pixels from 0 to 255`,
  );
}

function rounded(values: readonly number[]): string {
  return values.map((value) => Number(value.toPrecision(6))).join(",");
}

/**
 * One mean and one standard deviation a channel. Throws UsageError unless there are as many as
 * channels, or a single one, the means finite and the deviations positive.
 */
export function perChannel({ mean, std }: Normalization, channels: number): Normalization {
  const spread = (name: string, values: readonly number[], valid: (value: number) => boolean) => {
    if (values.length === channels && values.every(valid)) return values;
    const [only] = values;
    if (values.length === 1 && valid(only!)) return Array<number>(channels).fill(only!);
    throw new UsageError(
      `--${name}: expected ${counted(channels, name === "std" ? "positive number" : "number")}, one for each channel ` +
        `of the images, received ${values.join(",") || "none"}`,
    );
  };
  return {
    mean: spread("mean", mean, Number.isFinite),
    std: spread("std", std, (value) => Number.isFinite(value) && value > 0),
  };
}

/** All images in their order, without augmentation; the last batch may be smaller. */
export async function* hostBatches(
  dataset: Dataset,
  { batch, ...normalization }: Normalization & { batch: number },
): AsyncGenerator<HostBatch> {
  const [channels, height, width] = dataset.shape;
  const table = normalizedLevels(perChannel(normalization, channels));
  const area = height * width;
  let start = 0;
  for await (const pixels of readAhead(dataset, inLists(dataset.count, batch))) {
    const size = pixels.length / (channels * area);
    const values = new Float32Array(pixels.length);
    for (let plane = 0; plane < size * channels; plane++) {
      const levels = table[plane % channels]!;
      const end = (plane + 1) * area;
      for (let place = plane * area; place < end; place++) values[place] = levels[pixels[place]!]!;
    }
    const images = fromFloat32([size, channels, height, width], values);
    const labels = dataset.labels?.subarray(start, start + size);
    yield { images, size, ...(labels && { labels }) };
    start += size;
  }
}

/** The normalised value of each of the 256 levels of each channel, every step rounded to float32. */
function normalizedLevels({ mean, std }: Normalization): Float32Array[] {
  const { fround } = Math;
  return mean.map((center, channel) =>
    Float32Array.from({ length: 256 }, (_, level) =>
      fround(fround(fround(level / 255) - fround(center)) / fround(std[channel]!)),
    ),
  );
}
