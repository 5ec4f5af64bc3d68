// MNIST's IDX files, plain or gzipped: a magic number, big-endian sizes, then bytes. MNIST, Fashion-MNIST and KMNIST
// come this way.
// http://yann.lecun.com/exdb/mnist (file formats)

import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import { readLargeFile } from "../files.ts";
import { elementCount } from "../graph/graph.ts";
import { counted, escapeInvisible } from "../text.ts";
import { assertFitsMemory, assertNoComplaints, fileSize, listFolder } from "./complaints.ts";
import { type Data, type Dataset, inMemory } from "./dataset.ts";

/** What the four files are called: DIR/train-images-idx3-ubyte, also with .gz or a dot before idx. */
const parts = { train: "train", test: "t10k" } as const;
const dimensions = { images: 3, labels: 1 } as const;

/** More than 4096 bytes can unpack to: deflate shrinks at most 1032 times. */
const unpackedStart = 8 * 2 ** 20;

type Kind = keyof typeof dimensions;

interface IdxFile {
  readonly sizes: readonly number[];
  readonly elements: Uint8Array;
}

/** A complaint about a file, thrown between the functions of this module only. */
class Complaint extends Error {}

/** Reads the four files in `folder`. Throws DataError, ResourceError. */
export async function loadIdx(folder: string): Promise<Data> {
  const names = await listFolder(folder);
  const complaints: string[] = [];
  const read = async (part: keyof typeof parts, kind: Kind): Promise<IdxFile | undefined> => {
    try {
      return await readIdx(folder, findFile(names, parts[part], kind), dimensions[kind]);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      complaints.push(error.message);
      return undefined;
    }
  };
  const trainImages = await read("train", "images");
  const trainLabels = await read("train", "labels");
  const testImages = await read("test", "images");
  const testLabels = await read("test", "labels");
  complaints.push(...compareCounts("training", trainImages, trainLabels));
  complaints.push(...compareCounts("test", testImages, testLabels));
  complaints.push(...compareSizes(trainImages, testImages));
  assertNoComplaints(`${folder} does not hold a data set of IDX files`, complaints);

  const largest = [trainLabels!, testLabels!].map(({ elements }) =>
    elements.reduce((most, label) => Math.max(most, label), 0),
  );
  const classes = Array.from({ length: Math.max(...largest) + 1 }, (_, index) => String(index));
  const dataset = (part: string, images: IdxFile, labels: IdxFile): Dataset =>
    inMemory({
      name: `${escapeInvisible(folder)} (${part})`,
      pixels: images.elements,
      labels: Int32Array.from(labels.elements),
      shape: [1, images.sizes[1]!, images.sizes[2]!],
      classes,
    });
  return {
    train: dataset("train", trainImages!, trainLabels!),
    test: dataset("test", testImages!, testLabels!),
  };
}

function findFile(names: readonly string[], prefix: string, kind: Kind): string {
  const format = `idx${dimensions[kind]}-ubyte`;
  const usual = `${prefix}-${kind}-${format}`;
  const dotted = `${prefix}-${kind}.${format}`;
  const found = [usual, `${usual}.gz`, dotted, `${dotted}.gz`].find((name) => names.includes(name));
  if (found === undefined) throw new Complaint(`${usual} (or ${usual}.gz) does not exist`);
  return found;
}

async function readIdx(folder: string, file: string, rank: number): Promise<IdxFile> {
  const path = join(folder, file);
  const size = await fileSize(path);
  if (typeof size === "string") throw new Complaint(`${file} ${size}`);
  assertFitsMemory(path, size);
  const content = await readLargeFile(path);
  // By content: some programs unpack a file and keep its name.
  const zipped = content[0] === 0x1f && content[1] === 0x8b;

  const start = content.subarray(0, 4096);
  const sizes = readHeader(file, zipped ? gunzip(file, start, unpackedStart) : start, rank);
  const headerBytes = 4 + 4 * rank;
  const expected = headerBytes + elementCount(sizes);
  assertFitsMemory(path, expected);

  const whole = zipped ? gunzip(file, content, expected) : content;
  if (whole.length !== expected) {
    throw new Complaint(
      `${file} is ${whole.length < expected ? "cut short" : "too long"}: expected ${expected} bytes ` +
        `for ${sizes.join(" × ")}, got ${whole.length}`,
    );
  }
  return {
    sizes,
    elements: new Uint8Array(whole.buffer, whole.byteOffset + headerBytes, expected - headerBytes),
  };
}

function readHeader(file: string, start: Uint8Array, rank: number): number[] {
  const headerBytes = 4 + 4 * rank;
  if (start.length < headerBytes) {
    throw new Complaint(
      `${file} is cut short: expected a header of ${headerBytes} bytes, got ${start.length}`,
    );
  }
  const view = new DataView(start.buffer, start.byteOffset, headerBytes);
  const magic = 0x800 + rank;
  if (view.getUint32(0) !== magic) {
    throw new Complaint(
      `${file} is not an IDX file of bytes in ${rank} dimensions: expected the magic number ${magic}, ` +
        `got ${view.getUint32(0)}`,
    );
  }
  const sizes = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (sizes.includes(0)) throw new Complaint(`${file} holds no data: it is ${sizes.join(" × ")}`);
  return sizes;
}

/** Unpacks what is there, also of a file cut short, but never more than `limit` bytes. */
function gunzip(file: string, content: Uint8Array, limit: number): Uint8Array {
  try {
    return gunzipSync(content, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Complaint(
      code === "ERR_BUFFER_TOO_LARGE"
        ? `${file} unpacks to more than the ${limit} bytes that its header announces`
        : `${file} cannot be unpacked: ${message}`,
    );
  }
}

function compareCounts(part: string, images?: IdxFile, labels?: IdxFile): string[] {
  if (!images || !labels || images.sizes[0] === labels.sizes[0]) return [];
  return [
    `there is not a label for each image: ${part} has ${counted(images.sizes[0]!, "image")} and ${counted(labels.sizes[0]!, "label")}`,
  ];
}

function compareSizes(train?: IdxFile, test?: IdxFile): string[] {
  if (!train || !test) return [];
  const [trainSize, testSize] = [train, test].map(({ sizes }) => sizes.slice(1).join("×"));
  if (trainSize === testSize) return [];
  return [`training images are ${trainSize}, but test images are ${testSize}`];
}
