// CIFAR-10 in its binary version: records of a label byte and 3 × 32 × 32 pixels, planar.
// https://www.cs.toronto.edu/~kriz/cifar.html

import { join } from "node:path";
import { readLargeFile } from "../files.ts";
import { counted, escapeInvisible } from "../text.ts";
import { assertFitsMemory, assertNoComplaints, fileSize, listFolder } from "./complaints.ts";
import { type Data, type Dataset, inMemory } from "./dataset.ts";

const shape = [3, 32, 32] as const;
const imagePixels = 3 * 32 * 32;
const recordBytes = 1 + imagePixels;
const archiveFolder = "cifar-10-batches-bin";
const classes = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];

/**
 * Reads data_batch_1.bin, data_batch_2.bin, ... and test_batch.bin in `folder`, or in the folder
 * cifar-10-batches-bin below it that the archive unpacks to. Throws DataError, ResourceError.
 */
export async function loadCifar10(folder: string): Promise<Data> {
  const names = await listFolder(folder);
  if (names.includes(archiveFolder) && !names.includes("test_batch.bin")) {
    return loadCifar10(join(folder, archiveFolder));
  }
  const numbers = names.flatMap((name) => /^data_batch_([1-9]\d{0,3})\.bin$/.exec(name)?.[1] ?? []);
  const batches = Math.max(1, ...numbers.map(Number));
  const trainFiles = Array.from({ length: batches }, (_, index) => `data_batch_${index + 1}.bin`);
  const files = [...trainFiles, "test_batch.bin"];

  const sizes = await Promise.all(files.map((file) => fileSize(join(folder, file))));
  const complaints = files.flatMap((file, index) => checkSize(file, sizes[index]!));
  const what = `${folder} does not hold CIFAR-10's binary batches`;
  assertNoComplaints(what, complaints);
  assertFitsMemory(
    folder,
    (sizes as number[]).reduce((sum, size) => sum + size, 0),
  );

  const read = async (part: string, list: readonly string[]): Promise<Dataset> => {
    const contents = await Promise.all(list.map((file) => readLargeFile(join(folder, file))));
    complaints.push(...contents.flatMap((records, index) => checkLabels(list[index]!, records)));
    return inMemory({
      name: `${escapeInvisible(folder)} (${part})`,
      ...unpack(contents),
      shape,
      classes,
    });
  };
  const data = {
    train: await read("train", trainFiles),
    test: await read("test", files.slice(-1)),
  };
  assertNoComplaints(what, complaints);
  return data;
}

function checkSize(file: string, size: number | string): string[] {
  if (typeof size === "string") return [`${file} ${size}`];
  if (size === 0) return [`${file} is empty`];
  if (size % recordBytes === 0) return [];
  const whole = Math.floor(size / recordBytes);
  return [
    `${file} is cut short: expected a multiple of ${recordBytes} bytes (a label and ${imagePixels} pixels), ` +
      `got ${counted(size, "byte")}, which is ${counted(whole, "record")} and ${counted(size - whole * recordBytes, "byte")}`,
  ];
}

function checkLabels(file: string, records: Uint8Array): string[] {
  for (let record = 0; record * recordBytes < records.length; record++) {
    const label = records[record * recordBytes]!;
    if (label < classes.length) continue;
    return [`${file} has the label ${label} in record ${record}: expected 0 to 9`];
  }
  return [];
}

function unpack(files: readonly Uint8Array[]): { pixels: Uint8Array; labels: Int32Array } {
  const count = files.reduce((sum, records) => sum + Math.floor(records.length / recordBytes), 0);
  const pixels = new Uint8Array(count * imagePixels);
  const labels = new Int32Array(count);
  let index = 0;
  for (const records of files) {
    for (let start = 0; start + recordBytes <= records.length; start += recordBytes, index++) {
      labels[index] = records[start]!;
      pixels.set(records.subarray(start + 1, start + recordBytes), index * imagePixels);
    }
  }
  return { pixels, labels };
}
