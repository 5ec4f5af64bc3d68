import { existsSync } from "node:fs";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, probeImage } from "../../src/data/decode.ts";
import { fingerprint } from "../../src/data/fingerprint.ts";
import { openImageFiles } from "../../src/data/imageFiles.ts";
import type { ImageView } from "../../src/data/imageView.ts";
import { select } from "../../src/data/subsets.ts";
import { DataError } from "../../src/errors.ts";
import { randomBits } from "../../src/graph/random.ts";
import { dataError, temporaryFolders } from "./folder.ts";
import { plain, red } from "./imageFolders.ts";

const folders = temporaryFolders();
const view: ImageView = {
  shape: [3, 20, 20],
  resize: "crop",
  orientation: "apply",
  channelOrder: "rgb",
};

/** A folder of photos of all sizes, and their names. */
async function photos(count = 12) {
  const files = Array.from({ length: count }, (_, index) => `${index}.jpg`);
  const made = files.map(async (name, index) => {
    const [width, height] = [20 + 7 * (index % 12), 60 - 3 * (index % 12)];
    const pixels = Uint8Array.from(
      { length: width * height * 3 },
      (_, i) => (i * (index + 3)) >> 4,
    );
    const photo = sharp(pixels, { raw: { width, height, channels: 3 } });
    return [name, new Uint8Array(await photo.jpeg().toBuffer())] as const;
  });
  return { folder: await folders(Object.fromEntries(await Promise.all(made))), files };
}

const open = async (folder: string, files: readonly string[], mostBytes?: number) => {
  const lists = [{ name: "photos", files }];
  const bound = mostBytes === undefined ? {} : { mostBytes };
  const [dataset] = await openImageFiles(lists, { folder, view, ...bound });
  return dataset!;
};

async function planesOf(path: string): Promise<Uint8Array> {
  const decoded = await decodeImage(path, view);
  if (typeof decoded === "string") throw new Error(decoded);
  return decoded.planes;
}

describe("image files", () => {
  test("are the same bits, kept or decoded when asked for, in whichever thread", async () => {
    const { folder, files } = await photos();
    const kept = await open(folder, files);
    const streamed = await open(folder, files, 0);
    expect([kept.count, streamed.count]).toEqual([12, 12]);
    expect(kept.pixels).toBeDefined();
    expect(streamed.pixels).toBeUndefined();
    const alone = await Promise.all(files.map((file) => planesOf(join(folder, file))));
    const all = Buffer.concat(alone);
    expect(Buffer.compare(kept.pixels!, all)).toBe(0);
    const places = Int32Array.of(5, 0, 11, 5);
    const expected = Buffer.concat([5, 0, 11, 5].map((at) => alone[at]!));
    for (const dataset of [kept, streamed]) {
      expect(Buffer.compare(await dataset.read(places), expected)).toBe(0);
    }
    const some = select(streamed, Int32Array.of(7, 11, 0), "some");
    expect([some.count, some.name]).toEqual([3, "some"]);
    expect(await some.read(Int32Array.of(1))).toEqual(await kept.read(Int32Array.of(11)));
  });

  test("have one fingerprint, kept or not, in which each of them counts", async () => {
    const { folder, files } = await photos(300);
    const fingerprintOf = async (mostBytes?: number) => {
      const part = await open(folder, files, mostBytes);
      return fingerprint({ train: part, test: part });
    };
    const before = await fingerprintOf();
    expect(await fingerprintOf(0)).toEqual(before);
    await copyFile(join(folder, "1.jpg"), join(folder, "150.jpg"));
    const after = await fingerprintOf(0);
    expect(after).not.toEqual(before);
    expect(await fingerprintOf()).toEqual(after);
  });

  test("are all looked at first, also where they are not kept", async () => {
    const { folder, files } = await photos(3);
    await writeFile(join(folder, "0.jpg"), "text");
    await rm(join(folder, "2.jpg"));
    const message = await dataError(open(folder, files, 0));
    expect(message).toContain("2 problems");
    expect(message).toContain("0.jpg is not a JPEG, PNG or WebP image");
    expect(message).toContain("2.jpg does not exist");
  });

  test("are marked where a camera noted a rotation, kept or not", async () => {
    const { folder, files } = await photos(3);
    await sharp(join(folder, "0.jpg"))
      .withMetadata({ orientation: 8 })
      .toFile(join(folder, "1.jpg"));
    for (const mostBytes of [undefined, 0]) {
      const part = await open(folder, files, mostBytes);
      expect([...part.turned!]).toEqual([0, 1, 0]);
      expect([...select(part, Int32Array.of(1, 2, 1), "some").turned!]).toEqual([1, 0, 1]);
    }
  });

  test("that are damaged later are named when they are asked for", async () => {
    const { folder, files } = await photos(3);
    const dataset = await open(folder, files, 0);
    await rm(join(folder, "1.jpg"));
    expect(await dataset.read(Int32Array.of(0, 2))).toHaveLength(2 * 1200);
    const reading = dataset.read(Int32Array.of(2, 1));
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow("1.jpg does not exist");
  });

  test.skipIf(!existsSync("/proc/self/io"))("are looked at by their start alone", async () => {
    const { folder } = await photos(1);
    const path = join(folder, "0.jpg");
    await truncate(path, 2 ** 27); // without a byte on the disk
    const bytesRead = async () =>
      Number(/rchar: (\d+)/.exec(await readFile("/proc/self/io", "utf8"))![1]);
    await probeImage(path, "apply"); // loads sharp
    const before = await bytesRead();
    expect(await probeImage(path, "apply")).toMatchObject({ isTurned: false });
    expect((await bytesRead()) - before).toBeLessThan(2 ** 22);
  });

  test("are seen as the whole file says, wherever it has its notes", async () => {
    const noise = sharp(Buffer.from(randomBits({ seed: 1, name: "noise" }, 3 * 2 ** 16).buffer), {
      raw: { width: 512, height: 512, channels: 3 },
    });
    const turned = noise.withMetadata({ orientation: 6 });
    const long = noise.withExif({
      IFD0: { Orientation: "8", ImageDescription: "x".repeat(60_000) },
    });
    const [small, ...others] = await Promise.all([
      plain(red).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
      turned.clone().jpeg({ quality: 100 }).toBuffer(),
      turned.clone().jpeg({ quality: 100, progressive: true }).toBuffer(),
      turned.clone().withIccProfile("p3").jpeg({ quality: 100 }).toBuffer(),
      turned.clone().toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(),
      turned.clone().png().toBuffer(),
      turned.clone().webp({ lossless: true }).toBuffer(),
      long.clone().jpeg({ quality: 100 }).toBuffer(),
      long.clone().png().toBuffer(),
    ]);
    // Notes of half a megabyte between a JPEG's first bytes and the rest.
    const segment = Buffer.alloc(2 + 65_535, " ");
    segment.set([0xff, 0xee, 0xff, 0xff]);
    const late = [others[0]!.subarray(0, 2), ...Array(8).fill(segment), others[0]!.subarray(2)];
    const all = [small!, ...others, Buffer.concat(late)];
    const folder = await folders(Object.fromEntries(all.map((bytes, i) => [`${i}`, bytes])));
    for (const [i, bytes] of all.entries()) {
      if (i > 0) expect(bytes.length).toBeGreaterThan(2 ** 18);
      const { orientation = 1, height, width, autoOrient } = await sharp(bytes).metadata();
      for (const how of ["apply", "keep"] as const) {
        const isTurned = how === "apply" && orientation > 1;
        const size = isTurned ? [autoOrient.height, autoOrient.width] : [height, width];
        expect(await probeImage(join(folder, `${i}`), how), `${i}`).toEqual({ size, isTurned });
      }
    }
  });

  test("of more bytes than any photo has are refused before they are read", async () => {
    const { folder } = await photos(1);
    await truncate(join(folder, "0.jpg"), 2 ** 28 + 1); // without a byte on the disk
    expect(await decodeImage(join(folder, "0.jpg"), view)).toBe("is larger than 256 MiB");
  });

  test("may have no labels", async () => {
    const { folder, files } = await photos(2);
    expect(Object.keys(await open(folder, files, 0)).sort()).toEqual([
      ...["count", "name", "read", "shape"],
    ]);
  });
});
