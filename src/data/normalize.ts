// Normalised images on the host, for ONNX Runtime. The arithmetic is that of the device's batches, so
// both get the same bits.

import { UsageError } from "../errors.ts";
import type { TensorData } from "../graph/graph.ts";
import { fromFloat32 } from "../graph/tensorData.ts";
import type { Dataset } from "./dataset.ts";

/** A pixel p of channel c becomes (p / 255 - mean[c]) / std[c]. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A batch on the host: images [size, channels, height, width] in float32. */
export interface HostBatch {
  readonly images: TensorData;
  readonly labels: Int32Array;
  readonly size: number;
}

/** Throws UsageError unless there is one finite mean and one positive deviation a channel. */
export function assertNormalization({ mean, std }: Normalization, channels: number): void {
  const check = (name: string, values: readonly number[], valid: (value: number) => boolean) => {
    if (values.length === channels && values.every(valid)) return;
    throw new UsageError(
      `expected ${channels} ${name === "std" ? "positive numbers" : "numbers"} as ${name}, ` +
        `one for each channel of the images, got ${values.join(",") || "none"}`,
    );
  };
  check("mean", mean, Number.isFinite);
  check("std", std, (value) => Number.isFinite(value) && value > 0);
}

/** All images in their order, without augmentation; the last batch may be smaller. */
export function* hostBatches(
  dataset: Dataset,
  { batch, ...normalization }: Normalization & { batch: number },
): Generator<HostBatch> {
  const [channels, height, width] = dataset.shape;
  assertNormalization(normalization, channels);
  const table = normalizedLevels(normalization);
  const area = height * width;
  const count = dataset.labels.length;
  for (let start = 0; start < count; start += batch) {
    const size = Math.min(batch, count - start);
    const values = new Float32Array(size * channels * area);
    const offset = start * channels * area;
    for (let plane = 0; plane < size * channels; plane++) {
      const levels = table[plane % channels]!;
      const end = (plane + 1) * area;
      for (let place = plane * area; place < end; place++) {
        values[place] = levels[dataset.images[offset + place]!]!;
      }
    }
    const images = fromFloat32([size, channels, height, width], values);
    yield { images, labels: dataset.labels.subarray(start, start + size), size };
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
