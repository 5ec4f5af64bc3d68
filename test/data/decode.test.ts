import { symlink } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { loadData, loadTestData } from "../../src/data/index.ts";
import { ResourceError } from "../../src/errors.ts";
import { randomBits } from "../../src/graph/random.ts";
import { dataError } from "./folder.ts";
import { type Colour, imageFolders, plain, png, red, teal } from "./imageFolders.ts";

const { dataFolder } = imageFolders();

/** Pixels of the only image of class "a" in the test set. */
async function decoded(image: Uint8Array, shape?: readonly [number, number, number]) {
  const folder = await dataFolder({ "test/a/1.png": image });
  const { test: judged } = await loadData(`images:${folder}`, shape ? { shape } : {});
  return [...(await judged.read(Int32Array.of(0)))];
}

describe("images of folders", () => {
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

  test("make grey by the luma of BT.601: 0.299 red, 0.587 green, 0.114 blue", async () => {
    const grey = async (colour: Colour) => (await decoded(await png(colour), [1, 4, 4]))[0];
    expect(await grey([255, 0, 0])).toBe(76);
    expect(await grey([0, 255, 0])).toBe(150);
    expect(await grey([0, 0, 255])).toBe(29);
    expect(await grey([10, 120, 130])).toBe(88);
  });

  test("drop transparency at every size", async () => {
    const hidden = await plain(teal, 6, 6).ensureAlpha(0).png().toBuffer();
    for (const size of [6, 4, 9]) {
      const pixels = await decoded(hidden, [3, size, size]);
      expect(pixels).toEqual(teal.flatMap((level) => new Array(size * size).fill(level)));
    }
  });

  test("leave colour profiles out", async () => {
    const profiled = await plain(teal).withIccProfile("p3").png().toBuffer();
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
    expect((await sharp(profiled).metadata()).icc).toBeDefined();
    expect([...stored.subarray(0, 3)]).not.toEqual([...teal]);
    expect((await decoded(profiled))[0]).toBe(stored[0]);
  });

  test("are turned as the camera noted, which a note tells, or kept as they are stored", async () => {
    const photo = await sharp({ create: { width: 4, height: 2, channels: 3, background: "black" } })
      .composite([{ input: await png([255, 255, 255], 2, 2), left: 0, top: 0 }])
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    expect(await decoded(photo, [1, 4, 2])).toEqual([255, 255, 255, 255, 0, 0, 0, 0]);

    const folder = await dataFolder({ "test/a/1.png": photo, "train/b/1.png": photo });
    const shape = [1, 2, 4] as const;
    const { notes } = await loadData(`images:${folder}`, { shape });
    const why = "rotation, which is applied; torchvision's ImageFolder does not apply it";
    expect(notes).toEqual([`2 of 5 images carry a camera's ${why}: --orientation keep`]);
    const applied = await loadTestData(`images:${folder}`, { shape });
    expect(applied.notes).toEqual([`1 of 2 images carries a camera's ${why}: --orientation keep`]);
    const kept = await loadTestData(`images:${folder}`, { shape, orientation: "keep" });
    expect(kept.notes).toEqual([]);
    expect([...(await kept.test.read(Int32Array.of(0)))]).toEqual([
      ...[255, 255, 0, 0],
      ...[255, 255, 0, 0],
    ]);
  });

  test("show the first frame of an animation", async () => {
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
    [
      "a Git LFS pointer",
      async () => Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
      /is a Git LFS pointer; fetch the file itself: git lfs pull/,
    ],
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

  test("leave a caller's sharp as it is, and take no other format for what it opens", async () => {
    const gif = await plain(red).gif().toBuffer();
    await decoded(await png(red));
    expect((await sharp(gif).metadata()).format).toBe("gif");

    sharp.unblock({ operation: ["VipsForeignLoad"] });
    const folder = await dataFolder({ "train/b/x.png": gif });
    const message = await dataError(loadData(`images:${folder}`, { shape: [3, 4, 4] }));
    expect(message).toMatch(/x\.png is not a JPEG, PNG or WebP image/);
  });

  test("of a photo in Ultra HDR are those without its gain map, turned and refused alike", async () => {
    const lit = Float32Array.from({ length: 64 * 48 * 3 }, (_, n) => 1.5 + Math.sin(n / 30));
    const raw = { width: 64, height: 48, channels: 3, depth: "float" } as const;
    // sharp's types do not know it yet.
    const drawn = sharp(Buffer.from(lit.buffer), { raw }) as Sharp & { withGainMap(): Sharp };
    const upright = await drawn.withGainMap().withExif({ IFD0: {} }).jpeg().toBuffer();
    const orientation = Buffer.of(0x12, 1, 3, 0, 1, 0, 0, 0); // the tag with its type and count
    const photo = changedAt(upright, orientation, orientation.length, 6);
    // Without its index nothing knows that a second picture follows.
    const unmapped = changedAt(Buffer.from(photo), Buffer.from("MPF\0"), 0, 0);
    expect(await sharp(photo).metadata()).toMatchObject({ orientation: 6, gainMap: {} });
    expect((await sharp(unmapped).metadata()).gainMap).toBeUndefined();
    expect(await decoded(photo, [3, 64, 48])).toEqual(await decoded(unmapped, [3, 64, 48]));
    const folder = await dataFolder({ "train/b/x.jpg": cut(photo) });
    const message = await dataError(loadData(`images:${folder}`, { shape: [3, 4, 4] }));
    expect(message).toMatch(/x\.jpg is damaged/);
  });

  test.each<[string, (jpeg: Buffer) => Uint8Array]>([
    [
      "an unknown revision of JFIF",
      (jpeg) => {
        const sizes = Buffer.of(2, 1, 0, 0, 1, 0, 1, 0, 0); // revision 2.01
        const header = [Buffer.of(0xff, 0xe0, 0, 16), Buffer.from("JFIF\0"), sizes];
        return Buffer.concat([jpeg.subarray(0, 2), ...header, jpeg.subarray(2)]);
      },
    ],
    ["another end of the spectrum", (jpeg) => changedAt(jpeg, scanOf(3), scanOf(3).length + 7, 0)],
    [
      "stray bytes between the parts of a JPEG",
      (jpeg) => {
        const place = jpeg.indexOf(Buffer.of(0xff, 0xda));
        return Buffer.concat([jpeg.subarray(0, place), Buffer.alloc(7), jpeg.subarray(place)]);
      },
    ],
  ])("read what decoders only remark on: %s", async (_, change) => {
    const jpeg = await noise().jpeg().toBuffer();
    expect(await decoded(change(jpeg), [3, 64, 64])).toEqual(await decoded(jpeg, [3, 64, 64]));
  });

  test("tell of each damaged image its own reason, whatever threads find it out", async () => {
    const [jpeg, webp] = [
      cut(await noise().jpeg().toBuffer()),
      cut(await noise().webp().toBuffer()),
    ];
    const files = Array.from({ length: 400 }, (_, n) => [`train/b/${n}`, n % 2 ? jpeg : webp]);
    const folder = await dataFolder(Object.fromEntries(files));
    const message = await dataError(loadData(`images:${folder}`, { shape: [3, 4, 4] }));
    const lines = message.split("\n").filter((line) => line.includes(" is damaged: "));
    const reasons = lines.map((line) => line.slice(line.indexOf(" is damaged: ")));
    expect(lines).toHaveLength(10);
    expect(new Set(reasons).size).toBe(2);
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
      /train\/b\/x\.png is 5×6 \(height × width\), not 4×4: --image-size 4 brings all images to one size/,
    );
    await loadData(`images:${folder}`, { shape: [3, 4, 4] });
    // The only size that a model of one fixed side takes.
    const open = [3, undefined, 3] as const;
    expect(await dataError(loadData(`images:${folder}`, { shape: open }))).toContain(
      "--image-size 3 brings all",
    );
    await loadData(`images:${folder}`, { shape: open, imageSize: 3 });
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

/** The head of the scan of a JPEG with so many channels. */
const scanOf = (channels: number) => Buffer.of(0xff, 0xda, 0, 6 + 2 * channels, channels);

/** A copy with a byte changed, so far behind the mark. */
function changedAt(bytes: Buffer, mark: Buffer, offset: number, value: number): Uint8Array {
  const place = bytes.indexOf(mark);
  expect(place).toBeGreaterThan(0);
  const copy = Uint8Array.from(bytes);
  copy[place + offset] = value;
  return copy;
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
