// Which images of a folder are learned from and judged by, and of which class they are.
import { rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type DataOptions, loadData, loadExtraData, loadTestData } from "../../src/data/index.ts";
import { takeShare } from "../../src/data/testShare.ts";
import { dataError } from "./folder.ts";
import { type Colour, grey, imageFolders, levels, png, red, teal } from "./imageFolders.ts";

const { folders, dataFolder } = imageFolders();

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

  test("leave out what storage, downloads, cameras and editors put beside images", async () => {
    const files = [
      ...["0.png:Zone.Identifier", "0.png.Zone.Identifier", "~$notes.docx", "1.png~"],
      ...["metadata.jsonl", "labels.parquet", "README", "LICENSE", "1.AAE", "1.png.xmp"],
      ...["1.png.aria2", "1.png.md5", "SHA256SUMS"],
    ];
    const around = [
      ...["lost+found", "__pycache__", ".ipynb_checkpoints", "Network Trash Folder"],
      ...["#recycle", "#snapshot", "~snapshot", "@Recycle", "@__thumb", "@eaDir"],
    ];
    const { train } = await loadData(
      `images:${await dataFolder({
        ...Object.fromEntries(files.map((name) => [`train/b/${name}`, "none"])),
        ...Object.fromEntries(around.map((name) => [`train/${name}/1.png`, "none"])),
      })}`,
    );
    expect(train.classes).toEqual(["a", "b"]);
    expect(train.count).toBe(3);
  });

  test.each(["1.MOV", "1.png.part", "1.png.bak", "notes.docx"])(
    "refuse what may be meant as data: %s",
    async (name) => {
      const folder = await dataFolder({ [`train/b/${name}`]: "none" });
      expect(await dataError(loadData(`images:${folder}`))).toContain(`train/b/${name} is not`);
    },
  );

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

  test("are looked for among folders: a file or link to one that is called test hides no val", async () => {
    const folder = await dataFolder({
      "test/a/1.png": undefined,
      "test/b/1.png": undefined,
      "elsewhere/a/1.png": await png(red),
      "elsewhere/b/1.png": await png(teal),
      test: "notes",
    });
    await symlink(join(folder, "elsewhere"), join(folder, "val"));
    expect((await loadData(`images:${folder}`)).test.name).toBe(`${folder} (val)`);
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
});

describe("parts of image folders", () => {
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
    expect(await dataError(loadData(`images:${folder}`))).toMatch(
      /image folders: test holds no class folder, but 1 file: expected test\/CLASS\/IMAGE, or --test-share X/,
    );
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
    const classes = ["bullet_train", "cat", "test_tube"];
    const held = await folders(
      Object.fromEntries(classes.flatMap((name) => [1, 2].map((n) => [`${name}/${n}.png`, image]))),
    );
    const { train } = await loadData(`images:${held}`, { testShare: 0.3 });
    expect(train.classes).toEqual(classes);
    for (const names of [
      ["bus", "trailer"],
      ["valve_closed", "valve_open"],
      ["freight train", "passenger train"],
    ]) {
      expect((await loading(...names)).train.classes).toEqual(names);
    }
  });

  test("folders that look like parts are not pooled without labels", async () => {
    const image = await grey(1);
    const load = async (...paths: string[]) => {
      const files = paths.flatMap((each) => [1, 2].map((n) => [`${each}/${n}.png`, image]));
      const folder = await folders(Object.fromEntries(files));
      return loadData(`images:${folder}`, { labels: "none", testShare: 0.5 });
    };
    const message = ": Testing/, Training/ look like parts and not like classes: rename them";
    expect(await dataError(load("Training", "Testing"))).toContain(message);
    expect(await dataError(load("Training/a", "Testing/a", "notes"))).toContain(message);
    expect((await load("bullet_train", "cat", "test_tube")).train.count).toBe(3);
    expect((await load("wrap/a", "wrap/b")).train.count).toBe(2);
  });

  test("a missing part needs no classes where images have no labels", async () => {
    const folder = await folders({ "a/1.png": await grey(1) });
    const message = await dataError(loadData(`images:${folder}`, { labels: "none" }));
    expect(message).toContain("train/ does not exist: expected train/IMAGE\n");
    expect(message).toContain("expected test/IMAGE, or --test-share X");
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
    const decomposed = await load(["train/A\u0308pfel", "test/A\u0308pfel"], {
      classes: ["\u00c4pfel", "Birnen"],
    });
    expect([...(await decomposed.loading).train.labels!]).toEqual([0, 0]);
    const numbered = await load(["train/0", "test/0"]);
    expect((await numbered.loading).train.classes).toEqual(["0"]);
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
});

test("a class folder that holds the other classes once more is refused, unless --classes names it", async () => {
  const files = ["cat/1", "dog/1", "all/cat/1", "all/dog/1"].map(async (name) => {
    return [`${name}.png`, await png(red)] as const;
  });
  const folder = await folders(Object.fromEntries(await Promise.all(files)));
  expect(await dataError(loadTestData(`images:${folder}`, { testShare: 1 }))).toContain(
    "all holds folders that are called as those beside it, and no image itself: take it away, or those beside it",
  );
  const classes = ["cat", "dog", "all"];
  const { test: judged } = await loadTestData(`images:${folder}`, { testShare: 1, classes });
  expect(judged.count).toBe(4);
  const deeper = await dataFolder({
    "train/a/b/1.png": await png(red),
    "train/b/b/2.png": await png(red),
    "train/b/1.png": undefined,
  });
  expect((await loadData(`images:${deeper}`)).train.count).toBe(4);
});

describe("a share to judge by", () => {
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

  test("--test-share draws at random: the next frame of a film is much like the one before", () => {
    const files = Array.from({ length: 100 }, (_, n) => `train/a/${100 + n}.png`);
    const labels = new Int32Array(100);
    const whole = { name: "train", path: "train", files, labels, classes: ["a"] };
    const { train, test: judged } = takeShare(whole, { folder: "", share: 0.3, judgeOnly: false });
    const places = judged.files.map((file) => files.indexOf(file));
    expect([train.files.length, places.length]).toEqual([70, 30]);
    for (const third of [0, 1, 2]) {
      const drawn = places.filter((place) => Math.floor((3 * place) / 100) === third).length;
      expect(drawn).toBeGreaterThan(4);
    }
    const steps = places.slice(1).map((place, i) => place - places[i]!);
    expect(new Set(steps).size).toBeGreaterThan(3);
  });

  test("--test-share is refused where there is a test part", async () => {
    const loading = loadData(`images:${await dataFolder()}`, { testShare: 0.5 });
    await expect(loading).rejects.toThrow(
      /--test-share: only where there is no test part.*has test\//,
    );
  });
});
