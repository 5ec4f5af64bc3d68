import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadData } from "../../src/data/index.ts";
import { ResourceError } from "../../src/errors.ts";
import { dataError, temporaryFolders } from "./folder.ts";

const folders = temporaryFolders();

function idx(sizes: readonly number[], elements: Uint8Array, magic = 0x800 + sizes.length) {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(magic, 0);
  sizes.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([header, elements]);
}

const ramp = (length: number) => Uint8Array.from({ length }, (_, index) => index);
const files: Record<string, Uint8Array> = {
  "train-images-idx3-ubyte": idx([3, 2, 4], ramp(24)),
  "train-labels-idx1-ubyte": idx([3], Uint8Array.of(0, 2, 1)),
  "t10k-images-idx3-ubyte": idx([1, 2, 4], ramp(8)),
  "t10k-labels-idx1-ubyte": idx([1], Uint8Array.of(4)),
};

function changed(name: string, content: Uint8Array, suffix = ""): Record<string, Uint8Array> {
  const { [name]: _, ...others } = files;
  return { ...others, [name + suffix]: content };
}

describe("IDX files", () => {
  test.each([
    ["plain", files],
    [
      "gzipped",
      Object.fromEntries(Object.entries(files).map(([k, v]) => [`${k}.gz`, gzipSync(v)])),
    ],
    [
      "gzipped under plain names",
      Object.fromEntries(Object.entries(files).map(([k, v]) => [k, gzipSync(v)])),
    ],
    [
      "unpacked under the names of gzipped ones",
      Object.fromEntries(Object.entries(files).map(([k, v]) => [`${k}.gz`, v])),
    ],
    [
      "with a dot",
      Object.fromEntries(Object.entries(files).map(([k, v]) => [k.replace("-idx", ".idx"), v])),
    ],
  ])("%s", async (_, content) => {
    const { train, test: judged } = await loadData(`idx:${await folders(content)}`);
    expect(train.shape).toEqual([1, 2, 4]);
    expect(train.pixels!).toEqual(ramp(24));
    expect([...train.labels!]).toEqual([0, 2, 1]);
    expect([...judged.labels!]).toEqual([4]);
    expect(train.classes).toEqual(["0", "1", "2", "3", "4"]);
  });

  const images = "train-images-idx3-ubyte";
  const labels = "train-labels-idx1-ubyte";
  const bad: [string, Record<string, Uint8Array>, RegExp][] = [
    [
      "a file cut short",
      changed(images, files[images]!.subarray(0, 30)),
      /cut short: expected 40 bytes for 3 × 2 × 4, got 30/,
    ],
    ["a header cut short", changed(images, ramp(9)), /expected a header of 16 bytes, got 9/],
    ["an empty file", changed(labels, ramp(0)), /expected a header of 8 bytes, got 0/],
    [
      "trailing bytes",
      changed(images, Buffer.concat([files[images]!, ramp(3)])),
      /too long: expected 40 bytes .* got 43/,
    ],
    [
      "another magic number",
      changed(images, idx([3, 2, 4], ramp(24), 0x0d03)),
      /expected the magic number 2051, got 3331/,
    ],
    [
      "labels in place of images",
      changed(images, files[labels]!),
      /cut short|expected the magic number 2051/,
    ],
    ["no images", changed(images, idx([0, 2, 4], ramp(0))), /holds no data: it is 0 × 2 × 4/],
    [
      "fewer labels than images",
      changed(labels, idx([2], ramp(2))),
      /training has 3 images and 2 labels/,
    ],
    [
      "another size in the test set",
      changed("t10k-images-idx3-ubyte", idx([1, 4, 4], ramp(16))),
      /training images are 2×4, but test images are 4×4/,
    ],
    ["no gzip", changed(images, ramp(100), ".gz"), /expected the magic number 2051, got 66051/],
    [
      "gzip cut short",
      changed(images, gzipSync(files[images]!).subarray(0, 25), ".gz"),
      /cut short/,
    ],
    [
      "gzip damaged",
      changed(images, damage(gzipSync(files[images]!)), ".gz"),
      /cannot be unpacked|cut short/,
    ],
    [
      "a gzip bomb",
      changed(images, gzipSync(Buffer.concat([files[images]!, new Uint8Array(1e8)])), ".gz"),
      /unpacks to more than the 40 bytes that its header announces/,
    ],
  ];
  test.each(bad)("%s is refused", async (_, content, cause) => {
    expect(await dataError(loadData(`idx:${await folders(content)}`))).toMatch(cause);
  });

  test("all that is missing is listed", async () => {
    const message = await dataError(
      loadData(`idx:${await folders({ "train-images-idx3-ubyte/x": "" })}`),
    );
    expect(message).toContain("4 problems");
    expect(message).toContain("train-images-idx3-ubyte is not a file");
    expect(message).toContain(
      "t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz) does not exist",
    );
  });

  test("sizes beyond the memory are refused before anything is allocated", async () => {
    const huge = idx([2 ** 31, 2 ** 12, 2 ** 12], ramp(5));
    for (const [content, suffix] of [
      [huge, ""],
      [gzipSync(huge), ".gz"],
    ] as const) {
      const loading = loadData(`idx:${await folders(changed(images, content, suffix))}`);
      await expect(loading).rejects.toThrow(ResourceError);
    }
  });
});

/** Flips bits in the checksum. */
function damage(zipped: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(zipped);
  copy[copy.length - 6]! ^= 0xff;
  return copy;
}
