// Images without labels: the original teaches by its features and logits alone, and is what the chain is judged by.
import type { Dataset } from "../data/index.ts";
import { UsageError } from "../errors.ts";
import type { JointLoss } from "./jointLoss.ts";

type Needing = Partial<JointLoss> & {
  readonly minAccuracy?: number;
  readonly maxAccuracyDrop?: number;
};

/** What differs from the usual loss where images have no labels. */
export function lossFor({ labels }: Dataset): Partial<JointLoss> {
  return labels ? {} : { labelWeight: 0 };
}

/** Throws UsageError for options that need labels, where images have none. */
export function assertNeedsNoLabels(options: Needing, { labels, name }: Dataset): void {
  if (labels) return;
  const { labelWeight, labelSmoothing, minAccuracy, maxAccuracyDrop } = options;
  const needing = {
    "--label-weight": (labelWeight ?? 0) > 0,
    "--label-smoothing": (labelSmoothing ?? 0) > 0,
    "--min-accuracy": minAccuracy !== undefined,
    "--max-accuracy-drop": maxAccuracyDrop !== undefined,
  };
  const given = Object.entries(needing).flatMap(([flag, isGiven]) => (isGiven ? [flag] : []));
  if (given.length === 0) return;
  throw new UsageError(
    `${given.join(", ")}: only with labels, but the images of ${name} have none`,
  );
}
