// The order of class folders, and what --classes says of it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compareClasses, inClassOrder } from "../../src/data/classNames.ts";
import { assertLabels, dataFacts, loadData, loadTestData } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { dataError } from "./folder.ts";
import { grey, imageFolders, levels } from "./imageFolders.ts";

const { folders, dataFolder } = imageFolders();

describe("the order of classes", () => {
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

  test("of thousands of names those that the other part does not have are told", () => {
    const names = (suffix: string) => Array.from({ length: 4000 }, (_, i) => `class ${i}${suffix}`);
    const complaints = compareClasses(
      { name: "train", classes: [...names(" new"), "CLASS 7"] },
      { name: "test", classes: names("") },
    );
    expect(complaints).toHaveLength(4001);
    expect(complaints.at(-1)).toBe(
      'class "CLASS 7" is in train but not in test, which has "class 7"',
    );
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
    expect(notes).toEqual([
      "train has no image of these of --classes: c",
      "test has no image of these of --classes: c",
    ]);
    expect(() => assertLabels(train, 3)).not.toThrow();
  });

  test("--classes are told to be missing where there are images to judge by, which evaluate alone reads", async () => {
    const folder = await dataFolder({ "test/b/1.png": undefined });
    const missing = "test has no image of these of --classes: b";
    const classes = ["b", "a"];
    expect((await loadData(`images:${folder}`, { classes })).notes).toEqual([missing]);
    expect((await loadTestData(`images:${folder}`, { classes })).notes).toEqual([missing]);
    const untaught = await dataFolder({ "train/b/1.png": undefined });
    expect((await loadTestData(`images:${untaught}`, { classes })).notes).toEqual([]);
  });
});
