import { symlink } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { loadData } from "../../src/data/index.ts";
import { ResourceError } from "../../src/errors.ts";
import { randomBits } from "../../src/graph/random.ts";
import { dataError, temporaryFolders } from "./folder.ts";

const folders = temporaryFolders();
type Colour = readonly [red: number, green: number, blue: number];
const red: Colour = [255, 0, 0];
const teal: Colour = [10, 120, 130];

/** An image of one colour. */
function plain([r, g, b]: Colour, width = 4, height = 4): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

const png = (colour: Colour, width?: number, height?: number) =>
  plain(colour, width, height).png().toBuffer();

/** A valid data set with classes a and b, changed by `files`; undefined takes a file away. */
async function dataFolder(files: Record<string, Uint8Array | string | undefined> = {}) {
  const all: Record<string, Uint8Array | string | undefined> = {
    "train/a/1.png": await png(red),
    "train/a/2.png": await png(teal),
    "train/b/1.png": await png(teal),
    "test/a/1.png": await png(red),
    "test/b/1.png": await png(teal),
    ...files,
  };
  const present = Object.entries(all).filter((entry) => entry[1] !== undefined);
  return folders(Object.fromEntries(present) as Record<string, Uint8Array | string>);
}

/** Pixels of the only image of class "a" in the test set. */
async function decoded(image: Uint8Array, shape?: readonly [number, number, number]) {
  const folder = await dataFolder({ "test/a/1.png": image });
  const { test: judged } = await loadData(`images:${folder}`, shape ? { shape } : {});
  return [...(await judged.read(Int32Array.of(0)))];
}

describe("image folders", () => {
  test("give planar pixels, labels by sorted class, and ignore what desktops leave behind", async () => {
    const folder = await dataFolder({
      ".DS_Store": "",
      "train/.hidden": "",
      "train/b/Thumbs.db": "",
    });
    const { train, test: judged } = await loadData(`images:${folder}`);
    expect(train.classes).toEqual(["a", "b"]);
    expect([...train.labels!]).toEqual([0, 0, 1]);
    expect(train.shape).toEqual([3, 4, 4]);
    const planes = (colour: Colour) => colour.flatMap((level) => new Array(16).fill(level));
    expect([...train.pixels!]).toEqual([...planes(red), ...planes(teal), ...planes(teal)]);
    expect([...judged.labels!]).toEqual([0, 1]);
  });

  test("may call the test set val, and test comes first", async () => {
    const onlyVal = await folders({
      "train/a/1.png": await png(red),
      "val/a/1.png": await png(red),
      "val/a/2.png": await png(red),
    });
    expect((await loadData(`images:${onlyVal}`)).test.labels).toHaveLength(2);
    const both = await dataFolder({ "val/a/1.png": await png(red) });
    expect((await loadData(`images:${both}`)).test.labels).toHaveLength(2);
  });

  test("follow links", async () => {
    const folder = await dataFolder();
    await symlink(join(folder, "train/a/1.png"), join(folder, "train/a/3.png"));
    expect((await loadData(`images:${folder}`)).train.labels).toHaveLength(4);
  });

  test("decode every format and colour model to the same colour", async () => {
    const planes = (colour: Colour) => colour.flatMap((level) => new Array(16).fill(level));
    const near = (pixels: number[], colour: Colour, slack: number) =>
      planes(colour).forEach((level, place) => {
        expect(Math.abs(pixels[place]! - level)).toBeLessThanOrEqual(slack);
      });
    near(await decoded(await plain(teal).jpeg({ quality: 100 }).toBuffer()), teal, 3);
    near(await decoded(await plain(teal).webp({ lossless: true }).toBuffer()), teal, 0);
    near(await decoded(await plain(teal).png({ palette: true }).toBuffer()), teal, 0);
    near(await decoded(await plain(teal).toColourspace("rgb16").png().toBuffer()), teal, 0);
    near(await decoded(await plain(teal).ensureAlpha(0.3).png().toBuffer()), teal, 0);
    // Inks of 200, 60, 20 and 40: (255 - 200) (255 - 40) / 255 = 46 and so on, also by Pillow's convert("RGB").
    near(await decoded(Buffer.from(fourInks, "base64")), [46, 164, 198], 0);
    const grey = await plain([90, 90, 90]).toColourspace("b-w").png().toBuffer();
    near(await decoded(grey), [90, 90, 90], 0);
    expect(await decoded(grey, [1, 4, 4])).toEqual(new Array(16).fill(90));
  });

  test("are turned as the camera noted, and show the first frame of an animation", async () => {
    const halves = await sharp({
      create: { width: 4, height: 2, channels: 3, background: "black" },
    })
      .composite([{ input: await png([255, 255, 255], 2, 2), left: 0, top: 0 }])
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const turned = await decoded(halves, [1, 4, 2]);
    expect(turned).toEqual([255, 255, 255, 255, 0, 0, 0, 0]);

    const frames = Buffer.concat([
      await plain(red).raw().toBuffer(),
      await plain(teal).raw().toBuffer(),
    ]);
    const animation = await sharp(frames, {
      raw: { width: 4, height: 8, channels: 3, pageHeight: 4 },
    })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(animation).metadata()).pages).toBe(2);
    expect((await decoded(animation)).slice(0, 32)).toEqual([
      ...new Array(16).fill(255),
      ...new Array(16).fill(0),
    ]);
  });

  test("are scaled to cover the model's input and cropped around the centre", async () => {
    // Red on the left and right quarters, teal between: only teal is left of the centre.
    const wide = await sharp({ create: { width: 16, height: 8, channels: 3, background: "red" } })
      .composite([{ input: await png(teal, 8, 8), left: 4, top: 0 }])
      .png()
      .toBuffer();
    const pixels = await decoded(wide, [3, 8, 8]);
    expect(pixels.slice(0, 64)).toEqual(new Array(64).fill(teal[0]));
    expect(await decoded(await png(teal, 3, 50), [3, 2, 2])).toEqual(
      teal.flatMap((level) => new Array(4).fill(level)),
    );
  });

  const damaged: [string, () => Promise<Uint8Array>, RegExp][] = [
    ["an empty file", async () => new Uint8Array(0), /is empty/],
    ["text", async () => Buffer.from("not an image"), /is not a JPEG, PNG or WebP image/],
    ["a GIF", async () => plain(red).gif().toBuffer(), /is not a JPEG, PNG or WebP image/],
    ["a TIFF", async () => plain(red).tiff().toBuffer(), /is not a JPEG, PNG or WebP image/],
    [
      "an SVG",
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'),
      /is not a JPEG, PNG or WebP image/,
    ],
    ["a PNG cut short", async () => cut(await noise().png().toBuffer()), /is damaged/],
    ["a JPEG cut short", async () => cut(await noise().jpeg().toBuffer()), /is damaged/],
    ["a WebP cut short", async () => cut(await noise().webp().toBuffer()), /is damaged/],
    [
      "a PNG with a wrong checksum",
      async () => flipped(await noise().png().toBuffer()),
      /is damaged/,
    ],
    [
      "a decompression bomb",
      async () =>
        sharp({ create: { width: 8000, height: 8000, channels: 3, background: "red" } })
          .png()
          .toBuffer(),
      /has more than 50 million pixels/,
    ],
  ];
  test.each(damaged)("refuse %s by name", async (_, make, cause) => {
    const folder = await dataFolder({ "train/b/x.png": await make() });
    const message = await dataError(loadData(`images:${folder}`, { shape: [3, 4, 4] }));
    expect(message).toMatch(new RegExp(`train/b/x\\.png ${cause.source}`));
  });

  test("list all damaged images at once, ten by name", async () => {
    const bad = Array.from({ length: 14 }, (_, index) => [`test/a/${10 + index}.png`, "bad"]);
    const folder = await dataFolder(Object.fromEntries(bad));
    await symlink(join(folder, "nowhere"), join(folder, "test/a/0.png"));
    const message = await dataError(loadData(`images:${folder}`));
    expect(message).toContain("15 problems");
    expect(message).toContain("test/a/0.png does not exist");
    expect(message).toContain("test/a/18.png");
    expect(message).not.toContain("test/a/19.png");
    expect(message).toMatch(/\.\.\. and 5 more$/);
  });

  test("decode or refuse by name whatever bytes are changed, never crash", async () => {
    const seeds = await Promise.all([
      noise().png().toBuffer(),
      noise().jpeg().toBuffer(),
      noise().webp().toBuffer(),
      noise().webp({ lossless: true }).toBuffer(),
    ]);
    const bits = randomBits({ seed: 3, name: "mutations" }, 4000);
    const mutated = Array.from({ length: 400 }, (_, index) => {
      const bytes = Uint8Array.from(seeds[index % seeds.length]!);
      for (let change = 0; change <= index % 8; change++) {
        const random = bits[index * 10 + change]!;
        bytes[random % bytes.length] = random >>> 24;
      }
      return [`train/b/m${index}`, bytes] as const;
    });
    const folder = await dataFolder(Object.fromEntries(mutated));
    const message = await dataError(loadData(`images:${folder}`, { shape: [3, 4, 4] }));
    const refused = Number(/(\d+) problems/.exec(message)?.[1]);
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(400);
  });

  test("refuse mixed sizes where the model names none, with both sizes", async () => {
    const folder = await dataFolder({ "train/b/x.png": await png(red, 6, 5) });
    expect(await dataError(loadData(`images:${folder}`))).toMatch(
      /train\/b\/x\.png is 5×6 \(height × width\), not 4×4/,
    );
    await loadData(`images:${folder}`, { shape: [3, 4, 4] });
  });

  const broken: [string, Record<string, Uint8Array | string | undefined>, RegExp][] = [
    [
      "no train folder",
      { "train/a/1.png": undefined, "train/a/2.png": undefined, "train/b/1.png": undefined },
      /train\/ does not exist/,
    ],
    [
      "no test folder",
      { "test/a/1.png": undefined, "test/b/1.png": undefined },
      /test\/ \(or val\/\) does not exist/,
    ],
    [
      "a class that is not tested",
      { "train/c/1.png": "x" },
      /class "c" is in train but not in test/,
    ],
    [
      "a class that is only tested",
      { "test/c/1.png": "x" },
      /class "c" is in test but not in train/,
    ],
    [
      "a class without images",
      { "train/c/.keep": "", "test/c/1.png": "x" },
      /train\/c holds no image/,
    ],
    [
      "files in place of classes",
      { "train/readme.txt": "x" },
      /train\/readme\.txt is not a folder/,
    ],
    ["folders in place of images", { "train/a/deep/1.png": "x" }, /train\/a\/deep is not a file/],
    [
      "no classes at all",
      {
        "train/a/1.png": undefined,
        "train/a/2.png": undefined,
        "train/b/1.png": undefined,
        "train/.x": "",
      },
      /train holds no class folder/,
    ],
  ];
  test.each(broken)("refuse %s", async (_, files, cause) => {
    expect(await dataError(loadData(`images:${await dataFolder(files)}`))).toMatch(cause);
  });

  test("list every fault of the layout at once", async () => {
    const folder = await dataFolder({ "train/c/.keep": "", "train/note": "x" });
    const message = await dataError(loadData(`images:${folder}`));
    expect(message).toContain("3 problems");
  });

  test("refuse an image that would not fit into memory", async () => {
    const loading = loadData(`images:${await dataFolder()}`, { shape: [3, 100_000, 100_000] });
    await expect(loading).rejects.toThrow(ResourceError);
    await expect(loading).rejects.toThrow(/an image of 3×100000×100000 in .* takes .* GiB/);
  });
});

function noise(): Sharp {
  const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 7919) >> 3);
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } });
}

const cut = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length >> 1]! ^= 0xff;
  return copy;
}

/** A JPEG of 4×4 pixels of cyan 200, magenta 60, yellow 20 and black 40, written by Pillow. */
const fourInks =
  "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwL" +
  "CgwJCgoK/8AAFAgABAAEBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAAB" +
  "fQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hp" +
  "anN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5" +
  "+v/aAA4EQwBNAFkASwAAPwD826/Qyv2sr9XK/9k=";
