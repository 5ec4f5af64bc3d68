import { describe, expect, test } from "vitest";
import {
  assertLabels,
  assertShape,
  type Dataset,
  dataFacts,
  holdOut,
  inMemory,
  loadData,
  notesOnRepeated,
  parseDataSpec,
} from "../../src/data/index.ts";
import { DataError, UsageError } from "../../src/errors.ts";

const ten = inMemory({
  name: "ten",
  pixels: Uint8Array.from({ length: 20 }, (_, index) => index),
  labels: Int32Array.from({ length: 10 }, (_, index) => index),
  shape: [1, 1, 2],
  classes: Array.from({ length: 10 }, (_, index) => `c${index}`),
});

describe("the DATA notation", () => {
  test("is a format, a colon and a folder, which may hold colons itself", () => {
    expect(parseDataSpec("idx:/a b")).toEqual({ format: "idx", folder: "/a b" });
    expect(parseDataSpec("images:C:\\x")).toEqual({ format: "images", folder: "C:\\x" });
  });

  test.each(["", "cifar10", "cifar10:", ":x", "mnist:x", "CIFAR10:x", "/data/cifar10"])(
    'refuses "%s"',
    async (spec) => {
      await expect(loadData(spec)).rejects.toThrow(UsageError);
      await expect(loadData(spec)).rejects.toThrow(`received "${spec}"`);
    },
  );
});

describe("holding out", () => {
  const data = { train: ten, test: { ...ten, name: "test", labels: ten.labels.toReversed() } };

  test("takes training images out, each with its label, in place of the test images", () => {
    const { train, test: judged } = holdOut(data, 3);
    expect(train.labels).toHaveLength(7);
    expect(judged.labels).toHaveLength(3);
    expect([...train.labels!, ...judged.labels!].sort()).toEqual([...ten.labels]);
    for (const { pixels, labels } of [train, judged]) {
      const expected = [...labels!].flatMap((i) => [...ten.pixels.subarray(2 * i, 2 * i + 2)]);
      expect([...pixels!]).toEqual(expected);
    }
    expect([train.name, judged.name]).toEqual(["ten", "ten (held out)"]);
    expect(holdOut(data, 9).train.labels).toHaveLength(1);
  });

  test("takes images of all classes, where they lie class by class", () => {
    const labels = Int32Array.from({ length: 1000 }, (_, i) => Math.floor(i / 100));
    const train = inMemory({ ...ten, pixels: new Uint8Array(2000), labels });
    const { test: judged } = holdOut({ train, test: ten }, 100);
    expect(new Set(judged.labels).size).toBe(10);
    expect(holdOut({ train, test: ten }, 100).test.pixels).toEqual(judged.pixels);
  });

  test("of nothing leaves the data as they are", () => {
    expect(holdOut(data, 0)).toEqual(data);
  });

  test.each([-1, 10, 11, 1.5, Number.NaN])("of %s images of ten is refused", (count) => {
    expect(() => holdOut(data, count)).toThrow(UsageError);
    expect(() => holdOut(data, count)).toThrow(
      `--hold-out: expected a whole number from 0 to 9, so that some of the images of ten are left to train on, received ${count}`,
    );
  });
});

test("a data set is described by its numbers", () => {
  const others = inMemory({ ...ten, pixels: new Uint8Array(8).fill(255) });
  expect(dataFacts({ train: ten, test: others })).toEqual({
    training: 10,
    test: 4,
    shape: [1, 1, 2],
    classes: 10,
  });
});

test("images to judge by that are learned from, too, are told of from a hundredth on", () => {
  const images = (from: number, to: number) =>
    inMemory({
      ...ten,
      pixels: Uint8Array.from({ length: 2 * (to - from) }, (_, i) => from + (i >> 1)),
    });
  const repeated = (train: Dataset, judged: Dataset) => notesOnRepeated({ train, test: judged });
  expect(repeated(images(0, 100), images(97, 200))).toEqual([
    "3 of the 103 images to judge by are learned from, too: on new images the results will be worse. Take one of each " +
      "pair away, or judge by other images",
  ]);
  expect(repeated(images(0, 100), images(99, 200))).toEqual([]);
  const { pixels: _, ...onDisk } = images(0, 100);
  expect(repeated(onDisk, images(0, 100))).toEqual([]);
  expect(dataFacts({ train: ten, test: ten, notes: ["first"] }).notes).toHaveLength(2);
});

test("labels and shape are checked against a model", () => {
  assertLabels(ten, 10);
  expect(() => assertLabels(ten, 9)).toThrow(DataError);
  expect(() => assertLabels(ten, 9)).toThrow("ten has labels up to 9 (10 classes)");
  expect(() => assertLabels(ten, 11)).toThrow(/11 outputs, but ten has 10 classes \("c0", "c1"/);
  const numbers = ten.classes!.map((_, place) => String(place));
  expect(() => assertLabels({ ...ten, classes: numbers }, 11)).not.toThrow();
  assertShape(ten, [1, 1, 2]);
  expect(() => assertShape(ten, [3, 1, 2])).toThrow("takes images of 3×1×2");
});
