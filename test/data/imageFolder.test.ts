import { rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { inClassOrder } from "../../src/data/classNames.ts";
import {
  assertLabels,
  type DataOptions,
  type Dataset,
  dataFacts,
  type LoadOptions,
  loadData,
  loadExtraData,
  loadTestData,
} from "../../src/data/index.ts";
import { ResourceError, UsageError } from "../../src/errors.ts";
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
      "train/b/ehthumbs.db": "",
      "train/b/Icon\r": "",
      "train/b/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg": "",
      "train/$RECYCLE.BIN/1.png": "",
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

  test.each([
    ["Train", "TEST"],
    ["train", "valid"],
    ["train", "Validation"],
    ["TRAIN", "val"],
  ])("may call their parts %s and %s", async (train, judged) => {
    const folder = await folders({
      [`${train}/a/1.png`]: await png(red),
      [`${judged}/a/1.png`]: await png(red),
    });
    const data = await loadData(`images:${folder}`);
    expect([data.train.count, data.test.count]).toEqual([1, 1]);
    expect(data.test.name).toBe(`${folder} (${judged})`);
  });

  test("may hold folders in the classes, and files beside the images", async () => {
    const folder = await dataFolder({
      "train/a/2021/may/1.png": await png(teal),
      "train/a/2021/may.xml": "<x/>",
      "train/labels.txt": "a, b",
      "train/__MACOSX/a/1.png": "x",
    });
    const { train } = await loadData(`images:${folder}`);
    expect([...train.labels!]).toEqual([0, 0, 0, 1]);
    expect((await train.read(Int32Array.of(2)))[0]).toBe(teal[0]);
  });

  test("name what is not UTF-8, and links to folders above", async () => {
    const folder = await dataFolder();
    const latin = Buffer.concat([Buffer.from(join(folder, "train/a/caf")), Buffer.of(0xe9, 0x2e)]);
    await writeFile(latin, "x");
    await symlink(join(folder, "train"), join(folder, "train/a/loop"));
    const message = await dataError(loadData(`images:${folder}`));
    expect(message).toContain("2 problems");
    expect(message).toContain('train/a holds the name "caf\\xe9.", which is not UTF-8: rename it');
    expect(message).toContain("train/a/loop leads to the same folder as one above it");
    const alone = await folders({ "train/a/1.png": await png(red), "test/a/1.png": "x" });
    await rename(
      join(alone, "train/a/1.png"),
      Buffer.concat([Buffer.from(join(alone, "train/a/")), Buffer.of(0xff)]),
    );
    expect(await dataError(loadData(`images:${alone}`))).not.toContain("holds no image");
  });

  test("follow links", async () => {
    const folder = await dataFolder();
    await symlink(join(folder, "train/a/1.png"), join(folder, "train/a/3.png"));
    expect((await loadData(`images:${folder}`)).train.labels).toHaveLength(4);
  });

  test("follow a link to a folder, and say where several lead to one", async () => {
    const folder = await dataFolder();
    const elsewhere = await folders({ "1.png": await png(red) });
    await symlink(elsewhere, join(folder, "train/a/more"));
    expect((await loadData(`images:${folder}`)).train.labels).toHaveLength(4);
    await symlink(elsewhere, join(folder, "train/a/yet"));
    expect(await dataError(loadData(`images:${folder}`))).toContain(
      "train/a/yet leads to the same folder as train/a/more, whose images would count again",
    );
  });

  test("end with links to shared folders, of which each level would double the work", async () => {
    const levels = Array.from({ length: 30 }, (_, level) => `pool/${level}/keep.txt`);
    const folder = await folders({
      ...Object.fromEntries(levels.map((name) => [name, ""])),
      "images/1.png": await png(red),
    });
    for (let level = 0; level < 30; level++) {
      const from = join(folder, level === 0 ? "images" : `pool/${level}`);
      const to = join(folder, `pool/${level + 1}`);
      for (const name of ["left", "right"]) await symlink(to, join(from, name));
    }
    const unlabelled = loadExtraData(`images:${join(folder, "images")}`, { shape: [3, 4, 4] });
    expect(await dataError(unlabelled)).toContain(
      "left/left/left/right leads to the same folder as",
    );
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

  test.each<[string, (jpeg: Buffer) => Uint8Array]>([
    ["an unknown revision of JFIF", (jpeg) => changedAt(jpeg, Buffer.from("JFIF\0"), 5, 2)],
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
      /test\/ \(or val\/, valid\/, validation\/\) does not exist.* --test-share 0\.1/,
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
    ["images in place of classes", { "train/a.png": "x" }, /train\/a\.png is not a folder/],
    ["two training parts", { "Train/a/1.png": "x" }, /Train\/ and train\/ differ in case alone/],
    [
      "classes that differ in case alone",
      { "test/B/1.png": "x", "test/b/1.png": undefined },
      /class "B" is in test but not in train, which has "b"/,
    ],
    [
      "classes that differ in Unicode form alone",
      { "train/caf\u00e9/1.png": "x", "test/cafe\u0301/1.png": "x" },
      /class "cafe\u0301" is in test but not in train.* another Unicode form \(one composed, one decomposed\): rename/,
    ],
    [
      "two classes in one part that differ in case alone",
      { "train/Cat/1.png": "x", "train/cat/1.png": "x" },
      /train holds "cat" and "Cat", which differ in case alone: join the two/,
    ],
    [
      "a class twice in two Unicode forms",
      { "train/caf\u00e9/1.png": "x", "train/cafe\u0301/1.png": "x" },
      /train holds "caf\u00e9" twice, in two Unicode forms/,
    ],
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
    const folder = await dataFolder({ "train/c/.keep": "", "train/note.png": "x" });
    const message = await dataError(loadData(`images:${folder}`));
    expect(message).toContain("3 problems");
  });

  test("refuse an image that would not fit into memory", async () => {
    const loading = loadData(`images:${await dataFolder()}`, { shape: [3, 100_000, 100_000] });
    await expect(loading).rejects.toThrow(ResourceError);
    await expect(loading).rejects.toThrow(/an image of 3×100000×100000 in .* takes .* GiB/);
  });
});

describe("options of image folders", () => {
  const grey = (level: number, size = 4) => png([level, level, level], size, size);
  const levels = async (dataset: Dataset) => {
    const places = Int32Array.from({ length: dataset.count }, (_, place) => place);
    const pixels = await dataset.read(places);
    return [...places].map((place) => pixels[(place * pixels.length) / dataset.count]);
  };

  /** Classes 0 ... 11 of one image each, its level ten times its number. */
  async function numbers() {
    const files: [string, Uint8Array][] = [];
    for (const part of ["train", "test"]) {
      for (let n = 0; n < 12; n++) files.push([`${part}/${n}/1.png`, await grey(10 * n)]);
    }
    return folders(Object.fromEntries(files));
  }

  test("classes are in order of their numbers, where all are numbers, and a note says so", async () => {
    const { train, test: judged, notes } = await loadData(`images:${await numbers()}`);
    const order = Array.from({ length: 12 }, (_, n) => n);
    expect(train.classes).toEqual(order.map(String));
    expect(await levels(judged)).toEqual(order.map((n) => 10 * n));
    expect(notes).toHaveLength(1);
    expect(notes![0]).toContain("(0, 1, 2, ...), not as text");
    expect(dataFacts({ train, test: judged, notes: notes! }).notes).toContain(notes![0]);
    expect((await loadData(`images:${await dataFolder()}`)).notes).toEqual([]);
  });

  test("the numbers may be longer than a float tells apart, and have leading zeros", () => {
    const names = ["010000000000000000001", "10000000000000000000", "9"];
    expect(inClassOrder(names).classes).toEqual(names.toReversed());
    expect(inClassOrder(["01", "02", "10"]).note).toBeUndefined();
  });

  test("--classes gives their order, by lines or as JSON", async () => {
    const folder = await numbers();
    const text = ["0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"];
    await writeFile(join(folder, "classes.txt"), `\uFEFF${text.join("\r\n")}\r\n\n`);
    await writeFile(join(folder, "classes.json"), JSON.stringify(text));
    for (const classes of [join(folder, "classes.txt"), join(folder, "classes.json"), text]) {
      const { train, test: judged, notes } = await loadData(`images:${folder}`, { classes });
      expect(train.classes).toEqual(text);
      expect(await levels(judged)).toEqual(text.map((name) => 10 * Number(name)));
      expect(notes).toEqual([]);
    }
  });

  test("--classes must name the folders, each once", async () => {
    const folder = await dataFolder();
    const load = (classes: string | string[]) => loadData(`images:${folder}`, { classes });
    const message = await dataError(load(["b", "c"]));
    expect(message).toContain('class "a" is in train but not in --classes');
    await writeFile(join(folder, "broken.json"), "[1");
    for (const [classes, cause] of [
      [["a", "b", "a"], '"a" is named twice'],
      [[], "received none"],
      [join(folder, "nowhere"), "does not exist"],
      [join(folder, "broken.json"), "to hold a list of names"],
    ] as const) {
      await expect(load(classes as string)).rejects.toThrow(UsageError);
      await expect(load(classes as string)).rejects.toThrow(cause);
    }
  });

  test("--classes says what it was read as where it does not name the folders", async () => {
    const folder = await dataFolder();
    const classes = join(folder, "classes.txt");
    await writeFile(classes, "a,b");
    const message = await dataError(loadData(`images:${folder}`, { classes }));
    expect(message).toContain("5 problems");
    expect(message).toContain(`\n  ${classes} was read as 1 name: "a,b"\n`);
    const capital = await dataError(loadData(`images:${folder}`, { classes: ["A", "b"] }));
    expect(capital).toContain('class "a" is in train but not in --classes, which has "A"');
  });

  test("--classes may name folders in another Unicode form", async () => {
    const name = "cafe\u0301";
    const folder = await dataFolder({
      [`train/${name}/1.png`]: await grey(7),
      [`test/${name}/1.png`]: await grey(8),
    });
    const classes = ["b", "caf\u00e9", "a"];
    const { train, test: judged, notes } = await loadData(`images:${folder}`, { classes });
    expect(train.classes).toEqual(classes);
    expect([[...train.labels!], [...judged.labels!]]).toEqual([
      [0, 1, 2, 2],
      [0, 1, 2],
    ]);
    expect((await levels(judged))[1]).toBe(8);
    expect(notes).toEqual([]);
  });

  test("--classes may name classes of which there are no images, and a note says so", async () => {
    const folder = await dataFolder();
    const {
      train,
      test: judged,
      notes,
    } = await loadData(`images:${folder}`, {
      classes: ["c", "a", "b"],
    });
    expect(train.classes).toEqual(["c", "a", "b"]);
    expect([[...train.labels!], [...judged.labels!]]).toEqual([
      [1, 1, 2],
      [1, 2],
    ]);
    expect(notes).toEqual(["train has no image of these of --classes: c"]);
    expect(() => assertLabels(train, 3)).not.toThrow();
  });

  test("a flat test part is passed over for one with class folders, and a note says so", async () => {
    const flat = { "test/1.png": await grey(1), "test/2.png": await grey(2) };
    const folder = await dataFolder({
      ...flat,
      "test/a/1.png": undefined,
      "test/b/1.png": undefined,
      "val/a/1.png": await grey(3),
      "val/b/1.png": await grey(4),
    });
    const { test: judged, notes } = await loadData(`images:${folder}`);
    expect(await levels(judged)).toEqual([3, 4]);
    expect(notes).toEqual(["val/ is judged by: test/ is passed over, which holds no class folder"]);
    const { test: unlabelled } = await loadData(`images:${folder}`, { labels: "none" });
    expect(await levels(unlabelled)).toEqual([1, 2]);
  });

  test("--test-share goes with a flat test part, which is passed over", async () => {
    const folder = await dataFolder({
      "test/1.png": await grey(1),
      "test/a/1.png": undefined,
      "test/b/1.png": undefined,
    });
    expect(await dataError(loadData(`images:${folder}`))).toContain("test holds no class folder");
    const { train, test: judged, notes } = await loadData(`images:${folder}`, { testShare: 0.5 });
    expect([train.count, judged.count]).toEqual([2, 1]);
    expect(notes).toContain(
      "a share of the training images is judged by: test/ is passed over, which holds no class folder",
    );
  });

  test("folders that look like parts are not taken for classes", async () => {
    const image = await grey(1);
    const loading = (...names: string[]) =>
      folders(
        Object.fromEntries(
          names.flatMap((name) => [1, 2].map((n) => [`${name}/a/${n}.png`, image])),
        ),
      ).then((folder) => loadData(`images:${folder}`, { testShare: 0.5 }));
    for (const [names, parts] of [
      [["training_set", "test_set", "single_prediction"], "test_set/, training_set/"],
      [["seg_train", "seg_test", "seg_pred"], "seg_test/, seg_train/"],
      [["Train data", "validation-1"], "Train data/, validation-1/"],
    ] as const) {
      expect(await dataError(loading(...names))).toContain(
        `: ${parts} look like parts and not like classes: rename them train/ and test/`,
      );
    }
    for (const names of [
      ["bus", "trailer"],
      ["valve_closed", "valve_open"],
      ["freight train", "passenger train"],
    ]) {
      expect((await loading(...names)).train.classes).toEqual(names);
    }
  });

  test("a level of folders too many is no class, unless --classes names it", async () => {
    const image = await grey(1);
    const load = async (prefixes: readonly string[], options: DataOptions = {}) => {
      const names = prefixes.flatMap((prefix) => [`${prefix}/a/1.png`, `${prefix}/b/1.png`]);
      const folder = await folders(Object.fromEntries(names.map((name) => [name, image])));
      return { folder, loading: loadData(`images:${folder}`, options) };
    };
    const { loading: inData } = await load(["train/data", "test/data"]);
    const message = await dataError(inData);
    expect(message).toContain("2 problems");
    expect(message).toContain(
      "\n  train/data holds folders and no image: move them up to train/, where they are classes",
    );
    const { loading: twice } = await load(["train/train", "test"]);
    expect(await dataError(twice)).toMatch(/: train\/train holds folders and no image.*classes$/);
    for (const [prefixes, options] of [
      [["wrap"], { testShare: 0.5 }],
      [["wrap/train", "wrap/test"], {}],
    ] as const) {
      const { folder, loading } = await load(prefixes, options);
      expect(await dataError(loading)).toMatch(
        `: wrap holds folders and no image: is images:${join(folder, "wrap")} meant?`,
      );
    }
    const named = await load(["train/cat", "test/cat"], { classes: ["cat", "dog"] });
    expect([...(await named.loading).train.labels!]).toEqual([0, 0]);
  });

  test("a class that is called train is told of in one line", async () => {
    const image = await grey(1);
    const names = ["bus/1", "car/1", "train/1", "train/2", "train/3"];
    const folder = await folders(Object.fromEntries(names.map((name) => [`${name}.png`, image])));
    expect(await dataError(loadData(`images:${folder}`, { testShare: 0.5 }))).toMatch(
      /: train holds no class folder, but images: .* If it is a class, as bus\/, car\/ beside it, move all of them into a new train\/$/,
    );
  });

  test("a flat test part of a folder without train/ does not become a class", async () => {
    const image = await grey(1);
    const folder = await folders({ "cat/1.png": image, "dog/1.png": image, "test/1.png": image });
    const message = await dataError(loadData(`images:${folder}`, { testShare: 0.5 }));
    expect(message).toContain("train/ does not exist");
  });

  /** Ten images of class a, three of b and one of c, without a test part; images of a level of their own. */
  async function untested(part: string) {
    const files: [string, Uint8Array][] = [];
    for (const [name, count] of [
      ["a", 10],
      ["b", 3],
      ["c", 1],
    ] as const) {
      for (let n = 0; n < count; n++)
        files.push([`${part}${name}/${n}.png`, await grey(files.length)]);
    }
    return folders(Object.fromEntries(files));
  }

  test.each(["train/", ""])(
    "--test-share takes images of each class out of DIR/%s",
    async (part) => {
      const folder = await untested(part);
      const load = (testShare: number) => loadData(`images:${folder}`, { testShare });
      const { train, test: judged } = await load(0.2);
      expect(train.classes).toEqual(["a", "b", "c"]);
      expect([...judged.labels!]).toEqual([0, 0, 1]);
      expect(train.count).toBe(11);
      const all = [...(await levels(train)), ...(await levels(judged))];
      expect(all.sort((a, b) => a! - b!)).toEqual(Array.from({ length: 14 }, (_, level) => level));
      expect(await levels((await load(0.2)).test)).toEqual(await levels(judged));
      expect((await load(0.9)).train.count).toBe(3);
      await expect(load(1)).rejects.toThrow(
        /--test-share: expected a share that leaves images on both/,
      );
    },
  );

  test("--test-share takes the same images in any order of the classes, and without labels", async () => {
    const folder = await untested("train/");
    const judged = async (options: DataOptions) => {
      const { test: images } = await loadData(`images:${folder}`, { testShare: 0.4, ...options });
      return (await levels(images)).sort((a, b) => a! - b!);
    };
    const usual = await judged({});
    expect(usual).toHaveLength(5);
    expect(await judged({ classes: ["c", "b", "a"] })).toEqual(usual);
    expect(await judged({ labels: "none" })).toEqual(usual);
  });

  test("class folders beside one that is called train are said to be left out", async () => {
    const folder = await folders({
      "bus/1.png": await grey(1),
      "car/1.png": await grey(2),
      "train/ice/1.png": await grey(3),
      "train/ice/2.png": await grey(4),
      "train/steam/1.png": await grey(5),
      "train/steam/2.png": await grey(6),
    });
    const { notes } = await loadData(`images:${folder}`, { testShare: 0.5 });
    expect(notes).toEqual([`of ${folder} only train/ is read, and not bus, car beside it`]);
  });

  test("classes come in the order of their code points, as Python sorts them", async () => {
    const names = ["\uff21", "\u{1f600}"];
    const folder = await folders(
      Object.fromEntries(
        await Promise.all(
          names.flatMap((name) =>
            ["train", "test"].map(async (part) => [`${part}/${name}/1.png`, await grey(1)]),
          ),
        ),
      ),
    );
    expect((await loadData(`images:${folder}`)).train.classes).toEqual(names);
  });

  test("--test-share is refused where there is a test part", async () => {
    const loading = loadData(`images:${await dataFolder()}`, { testShare: 0.5 });
    await expect(loading).rejects.toThrow(
      /--test-share: only where there is no test part.*has test\//,
    );
  });

  test("test images can be loaded alone", async () => {
    const folder = await folders({
      "test/a/1.png": await png(red),
      "test/b/1.png": await png(teal),
    });
    expect((await loadTestData(`images:${folder}`)).test.classes).toEqual(["a", "b"]);
    await dataError(loadData(`images:${folder}`));
    const all = await loadTestData(`images:${await untested("")}`, { testShare: 1 });
    expect(all.test.count).toBe(14);
    const listed = await loadTestData(`images:${folder}`, { classes: ["b", "x", "a"] });
    expect([...listed.test.labels!]).toEqual([0, 2]);
    // Images to learn from need not be readable.
    const half = await dataFolder({ "train/a/1.png": "bad" });
    expect((await loadTestData(`images:${half}`)).test.count).toBe(2);
  });

  test("--labels none takes images at any depth and asks for no classes", async () => {
    const folder = await folders({
      "train/1.png": await grey(1),
      "train/x/2.png": await grey(2),
      "train/x/y/3.png": await grey(3),
      "test/z/4.png": await grey(4),
    });
    const { train, test: judged } = await loadData(`images:${folder}`, { labels: "none" });
    expect([await levels(train), await levels(judged)]).toEqual([[1, 2, 3], [4]]);
    expect([train.labels, train.classes]).toEqual([undefined, undefined]);
    expect(dataFacts({ train, test: judged })).toEqual({ training: 3, test: 1, shape: [3, 4, 4] });
    const flat = await folders({ "1.png": await grey(1), "x/2.png": await grey(2) });
    const split = await loadData(`images:${flat}`, { labels: "none", testShare: 0.5 });
    expect([split.train.count, split.test.count]).toEqual([1, 1]);
  });

  test("--image-size scales images where the model leaves their size open", async () => {
    const folder = await dataFolder({ "train/b/x.png": await png(red, 6, 5) });
    const { train } = await loadData(`images:${folder}`, { imageSize: 8 });
    expect(train.shape).toEqual([3, 8, 8]);
    const open = await loadData(`images:${folder}`, {
      imageSize: 8,
      shape: [1, undefined, undefined],
    });
    expect(open.train.shape).toEqual([1, 8, 8]);
    const fixed = loadData(`images:${folder}`, { imageSize: 8, shape: [3, 4, 4] });
    await expect(fixed).rejects.toThrow("--image-size: the model takes images of 4×4, received 8");
  });

  test("--resize says what is done to images of other proportions", async () => {
    const halves = await sharp({
      create: { width: 16, height: 8, channels: 3, background: "white" },
    })
      .composite([{ input: await png([0, 0, 0], 4, 8), left: 0, top: 0 }])
      .png()
      .toBuffer();
    const shown = async (resize?: "crop" | "squash" | number) => {
      const folder = await folders({ "train/a/1.png": halves, "test/a/1.png": halves });
      const options = { shape: [1, 4, 4] as const, ...(resize !== undefined && { resize }) };
      const { test: judged } = await loadData(`images:${folder}`, options);
      return [...(await judged.read(Int32Array.of(0)))].slice(0, 4);
    };
    expect(await shown()).toEqual([223, 255, 255, 255]);
    expect(await shown("crop")).toEqual(await shown());
    expect(await shown(8)).toEqual([255, 255, 255, 255]);
    expect((await shown("squash"))[0]).toBeLessThan(40);
    await expect(shown(3)).rejects.toThrow(
      "--resize: expected at least 4, the size that is cut out",
    );
  });

  test("--channel-order bgr turns colours round, whatever the format", async () => {
    const folder = await dataFolder();
    const { train } = await loadData(`images:${folder}`, { channelOrder: "bgr" });
    const pixels = await train.read(Int32Array.of(1));
    expect([pixels[0], pixels[16], pixels[32]]).toEqual(teal.toReversed());
    const grey = loadData(`images:${folder}`, { channelOrder: "bgr", shape: [1, 4, 4] });
    await expect(grey).rejects.toThrow("--channel-order: expected a model of 3 channels");
  });

  test.each<[LoadOptions, string]>([
    [{ shape: [3, 4, 6], resize: 5 }, "--resize: expected at least 6, the size that is cut out"],
    [
      { shape: [3, undefined, 6], imageSize: 4 },
      "--image-size: the model takes images of any×6, received 4",
    ],
    [{ testShare: 0 }, "--test-share: expected a number above 0 and up to 1, received 0"],
    [{ imageSize: 1.5 }, "--image-size: expected a whole number"],
    [{ resize: 0 }, "--resize: expected a whole number"],
    [{ resize: "squash" }, "--resize: needs --image-size"],
    [{ labels: "none", classes: ["a"] }, "--classes: not together with --labels none"],
  ])("%j is refused", async (options, cause) => {
    const loading = loadData(`images:${await dataFolder()}`, options);
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toThrow(cause);
  });

  test("images of as many channels as no file has are refused", async () => {
    const loading = loadData(`images:${await dataFolder()}`, { shape: [32, 32, 3] });
    await expect(loading).rejects.toThrow("takes images of 32 channels");
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
