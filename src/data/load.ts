// Loads what `--data` names.

import { loadCifar10 } from "./cifar10.ts";
import { assertShape, type Data } from "./dataset.ts";
import { loadIdx } from "./idx.ts";
import { loadImageFolder } from "./imageFolder.ts";
import { parseDataSpec } from "./notation.ts";

/**
 * Loads `cifar10:DIR`, `idx:DIR` or `images:DIR` into memory. With `shape`, the input of a model as
 * channels, height and width, images of folders are resized to it and those of the other formats must
 * have it. Throws UsageError on the notation, DataError with everything that is wrong with the data,
 * and ResourceError where they would not fit into memory.
 */
export async function loadData(
  spec: string,
  options: { shape?: readonly [channels: number, height: number, width: number] } = {},
): Promise<Data> {
  const { format, folder } = parseDataSpec(spec);
  const { shape } = options;
  if (format === "images") return loadImageFolder(folder, shape);
  const data = await (format === "cifar10" ? loadCifar10 : loadIdx)(folder);
  if (shape) assertShape(data.train, shape);
  return data;
}
