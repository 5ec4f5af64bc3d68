// How workers that train together share out a batch: each shows its part of it, and all parts in the order of the
// workers are the batch that one alone would show.
import { UsageError } from "../errors.ts";
import type { Share } from "../torch/index.ts";

/** Throws UsageError where the workers cannot have equal parts of every batch. */
export function assertShareable(
  { batch, dropLast = false }: { readonly batch: number; readonly dropLast?: boolean },
  { size }: Pick<Share, "size">,
): void {
  if (size === 1 || (dropLast && batch % size === 0)) return;
  const fitting = Math.max(1, Math.round(batch / size)) * size;
  throw new UsageError(
    `${size} workers cannot share batches of ${batch} images alike: use --batch-size ${fitting}, or a number of ` +
      "workers that divides the batch",
  );
}

/**
 * A worker's part of a batch, the places of images in their order. `withBefore` puts the image first that comes before
 * the part in the batch, which is a ring: mixup needs it.
 */
export function shareOf(
  batch: Int32Array,
  { rank, size }: Share,
  { withBefore }: { withBefore: boolean },
): Int32Array {
  if (size === 1) return batch;
  const part = batch.length / size;
  const own = batch.subarray(rank * part, (rank + 1) * part);
  return withBefore ? Int32Array.of(batch.at(rank * part - 1)!, ...own) : own;
}
