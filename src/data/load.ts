// Loads what `--data` names.

import { UsageError } from "../errors.ts";
import { loadCifar10 } from "./cifar10.ts";
import { assertDataOptions, type DataOptions } from "./dataOptions.ts";
import { assertShape, type Data, type Dataset, inMemory, reverseChannels } from "./dataset.ts";
import { loadIdx } from "./idx.ts";
import {
  anyShape,
  loadImageFolder,
  loadTestFolder,
  loadUnlabelled,
  type OpenShape,
} from "./imageFolder.ts";
import { parseDataSpec } from "./notation.ts";

/** How data are read, and what for. */
export interface LoadOptions extends DataOptions {
  /**
   * Channels, height and width that a model takes, as far as it says: images of folders are brought to it, and
   * those of the other formats must have it.
   */
  readonly shape?: OpenShape;
}

/**
 * Loads `cifar10:DIR`, `idx:DIR` or `images:DIR`. Throws UsageError on the notation and on options that do not fit,
 * DataError with everything that is wrong with the data, and ResourceError where memory does not suffice.
 */
export async function loadData(spec: string, options: LoadOptions = {}): Promise<Data> {
  const { format, folder } = parseDataSpec(spec);
  assertDataOptions(options, format);
  if (format === "images") return loadImageFolder(folder, options);
  const { train, test } = await (format === "cifar10" ? loadCifar10 : loadIdx)(folder);
  return { train: adapt(train, options), test: adapt(test, options) };
}

/** Loads the images to judge by alone. Throws as `loadData` does. */
export async function loadTestData(
  spec: string,
  options: LoadOptions = {},
): Promise<Pick<Data, "test" | "notes">> {
  const { format, folder } = parseDataSpec(spec);
  assertDataOptions(options, format);
  return format === "images" ? loadTestFolder(folder, options) : loadData(spec, options);
}

/**
 * Loads images to learn from that come from elsewhere: all below the folder of `images:DIR`, the training images of
 * the other formats. None has a label. Throws as `loadData` does.
 */
export async function loadExtraData(spec: string, options: LoadOptions = {}): Promise<Dataset> {
  const { format, folder } = parseDataSpec(spec, "--extra-data");
  if (format === "images") return loadUnlabelled(folder, options);
  const { train } = await (format === "cifar10" ? loadCifar10 : loadIdx)(folder);
  return adapt(train, { ...options, labels: "none" });
}

/** Images in memory as the options want them. */
function adapt(dataset: Dataset, { shape = anyShape, channelOrder, labels }: LoadOptions): Dataset {
  assertShape(dataset, shape);
  const coloured = channelOrder === "bgr" ? withReversedChannels(dataset) : dataset;
  if (labels !== "none") return { ...coloured, hasFixedClasses: true };
  const { labels: _, classes: __, ...unlabelled } = coloured;
  return unlabelled;
}

function withReversedChannels(dataset: Dataset): Dataset {
  const [channels] = dataset.shape;
  if (channels !== 3) {
    throw new UsageError(
      `--channel-order: expected images of 3 channels for bgr, but those of ${dataset.name} have ${channels}`,
    );
  }
  const pixels = reverseChannels(dataset.pixels!, dataset.shape);
  return inMemory({ ...dataset, pixels, channelOrder: "bgr" });
}
