// What identifies a data set, whichever folder it lies in.
import { createHash } from "node:crypto";
import { sha256Of } from "../files.ts";
import { type Data, type Dataset, imageBytes } from "./dataset.ts";

/** Pixels up to which all are hashed, whether or not memory holds them: the same set has one fingerprint everywhere. */
const mostHashed = 2 ** 30;
/** Images that stand for a larger set. */
const imagesToRead = 256;
const bytesAtOnce = 2 ** 26;

/**
 * SHA-256 of sizes, classes, labels and pixels, as training and test see them, of both together and of the images to
 * judge by. Of a part of more than 1 GiB some hundred images from all over it stand for the pixels.
 */
export async function fingerprint(data: Data): Promise<{ data: string; test: string }> {
  const [train, test] = [await fingerprintOf(data.train), await fingerprintOf(data.test)];
  return { data: sha256Of(train, test), test };
}

async function fingerprintOf(dataset: Dataset): Promise<string> {
  const { count, shape, classes = null, labels = new Int32Array() } = dataset;
  const isWhole = count * imageBytes(dataset) <= mostHashed;
  const shown = isWhole ? count : Math.min(count, imagesToRead);
  const hash = createHash("sha256").update(JSON.stringify({ count, shape, classes }));
  hash.update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
  const atOnce = Math.ceil(bytesAtOnce / imageBytes(dataset));
  for (let start = 0; start < shown; start += atOnce) {
    const length = Math.min(atOnce, shown - start);
    const places = Int32Array.from({ length }, (_, i) => Math.floor(((start + i) * count) / shown));
    hash.update(await dataset.read(places));
  }
  return hash.digest("hex");
}
