// What identifies a data set, whichever folder it lies in.
import { sha256Of } from "../files.ts";
import type { Data, Dataset } from "./dataset.ts";
import { sampleOf } from "./subsets.ts";

/** Images that stand for a data set that memory does not hold. */
const imagesToRead = 256;

/**
 * SHA-256 of sizes, classes, labels and pixels, as training and test see them. Of a data set that memory does not
 * hold, some hundred images from all over it stand for the pixels.
 */
export async function fingerprint({ train, test }: Data): Promise<string> {
  return sha256Of(await fingerprintOf(train), await fingerprintOf(test));
}

async function fingerprintOf(dataset: Dataset): Promise<string> {
  const { count, shape, classes = null, labels = new Int32Array() } = dataset;
  const sample = sampleOf(dataset, imagesToRead);
  const places = Int32Array.from({ length: sample.count }, (_, i) => i);
  const pixels = dataset.pixels ?? (await sample.read(places));
  const bytes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
  return sha256Of(JSON.stringify({ count, shape, classes }), bytes, pixels);
}
