// A part of a data set of 32×32 colour images, written as CIFAR-10's binary batches.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Data, type Dataset, select } from "../../src/data/index.ts";
import { permutation } from "../../src/data/subsets.ts";
import { randomBits } from "../../src/graph/random.ts";

/** Writes `count` training images, drawn at random but the same ones at every call, and all that judge. */
export async function writeShare(
  { train, test }: Data,
  { count, folder }: { count: number; folder: string },
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const drawn = permutation(randomBits({ seed: 0, name: "few-images" }, train.count));
  const chosen = select(train, drawn.subarray(0, count), train.name);
  writeFileSync(join(folder, "data_batch_1.bin"), await records(chosen));
  writeFileSync(join(folder, "test_batch.bin"), await records(test));
}

/** A label byte and the pixels of each image. */
async function records({ count, labels, read }: Dataset): Promise<Uint8Array> {
  const images = await read(Int32Array.from({ length: count }, (_, i) => i));
  const size = images.length / count;
  const bytes = new Uint8Array(count * (size + 1));
  for (let i = 0; i < count; i++) {
    bytes[i * (size + 1)] = labels![i]!;
    bytes.set(images.subarray(i * size, (i + 1) * size), i * (size + 1) + 1);
  }
  return bytes;
}
