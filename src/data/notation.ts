// The DATA notation of the command line: FORMAT:FOLDER.

import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";

export const dataFormats = ["cifar10", "idx", "images"] as const;

export type DataFormat = (typeof dataFormats)[number];

export interface DataSpec {
  readonly format: DataFormat;
  readonly folder: string;
}

/** Parses `cifar10:DIR`, `idx:DIR` or `images:DIR`, given as `option`. Throws UsageError. */
export function parseDataSpec(spec: string, option = "--data"): DataSpec {
  const colon = spec.indexOf(":");
  const format = dataFormats.find((known) => known === spec.slice(0, colon));
  const folder = spec.slice(colon + 1);
  if (colon < 0 || format === undefined || folder === "") {
    const guess = nearest(spec.slice(0, Math.max(0, colon)), dataFormats);
    throw new UsageError(
      `${option}: expected cifar10:DIR (binary batches), idx:DIR (MNIST layout) or images:DIR ` +
        `(train/CLASS/*, test|val/CLASS/*), received "${spec}"` +
        (guess && guess !== format ? `: did you mean ${guess}:${folder}?` : ""),
    );
  }
  return { format, folder };
}
