// Checks how batches are wanted against the images.

import { UsageError } from "../errors.ts";
import type { Augmentation } from "./augmentation.ts";
import type { Dataset } from "./dataset.ts";
import { type Normalization, perChannel } from "./normalize.ts";

interface Wanted extends Normalization {
  readonly batch: number;
  readonly augment?: Augmentation;
  readonly dropLast?: boolean;
}

/** Throws UsageError for options that do not fit the images. */
export function assertBatchOptions(dataset: Dataset, options: Wanted): void {
  const { count, name } = dataset;
  const { batch, dropLast } = options;
  assertShownAs(dataset, options);
  const most = dropLast ? count : Number.MAX_SAFE_INTEGER;
  if (Number.isInteger(batch) && batch >= 1 && batch <= most) return;
  const range = dropLast ? `a batch of 1 to ${most} images` : "a batch of at least 1 image";
  throw new UsageError(`--batch-size: expected ${range} for ${name}, received ${batch}`);
}

/** Throws UsageError where the images cannot be shown like this, whatever the size of their batches. */
export function assertShownAs({ shape }: Dataset, options: Omit<Wanted, "batch">): void {
  perChannel(options, shape[0]);
  if (options.augment) assertAugmentation(options.augment, shape);
}

function assertAugmentation(
  { crop, mixup = 0, resizedCrop = 1, colorJitter = 0 }: Augmentation,
  [, height, width]: Dataset["shape"],
): void {
  if (!(resizedCrop > 0 && resizedCrop <= 1)) {
    throw new UsageError(
      `--resized-crop: expected a share of the area above 0 and up to 1, received ${resizedCrop}`,
    );
  }
  if (!(colorJitter >= 0 && colorJitter <= 1)) {
    throw new UsageError(`--color-jitter: expected a number from 0 to 1, received ${colorJitter}`);
  }
  if (!(Number.isFinite(mixup) && mixup >= 0)) {
    throw new UsageError(`--mixup: expected a number of at least 0, received ${mixup}`);
  }
  const most = Math.min(height, width) - 1;
  if (Number.isInteger(crop) && crop >= 0 && crop <= most) return;
  throw new UsageError(
    `--crop: expected 0 to ${most} pixels for images of ${height}×${width}, received ${crop}`,
  );
}
