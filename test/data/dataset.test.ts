import { describe, expect, test } from "vitest";
import { fingerprint } from "../../src/data/fingerprint.ts";
import {
  assertLabels,
  assertSeveralClasses,
  assertShape,
  type Dataset,
  dataFacts,
  holdOut,
  inMemory,
  loadData,
  notesOnRepeated,
  parseDataSpec,
  sampleOf,
} from "../../src/data/index.ts";
import { readAhead } from "../../src/data/readAhead.ts";
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

  test("leaves each image its mark of a camera's rotation", () => {
    const turned = Uint8Array.from(ten.labels, (label) => Number(label < 4));
    const { train, test: judged } = holdOut({ ...data, train: { ...ten, turned } }, 3);
    for (const part of [train, judged]) {
      expect([...part.turned!]).toEqual([...part.labels!].map((label) => Number(label < 4)));
    }
  });

  test("leaves the order of the channels", () => {
    const bgr = { ...ten, channelOrder: "bgr" as const };
    const { train, test: judged } = holdOut({ ...data, train: bgr }, 3);
    expect([train.channelOrder, judged.channelOrder]).toEqual(["bgr", "bgr"]);
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

describe("a sample", () => {
  const labelsOf = (count: number) => [...sampleOf(ten, count).labels!];

  test("is of an image from each part of the data set, with its label", async () => {
    // Thirds of ten: 0 to 2, 3 to 5, 6 to 9.
    const third = (label: number) => (label < 3 ? 0 : label < 6 ? 1 : 2);
    const labels = labelsOf(3);
    expect(labels.map(third)).toEqual([0, 1, 2]);
    const pixels = labels.flatMap((label) => [2 * label, 2 * label + 1]);
    expect([...sampleOf(ten, 3).pixels!]).toEqual(pixels);
    const { pixels: _, ...onDisk } = ten;
    const read = await sampleOf(onDisk, 3).read(Int32Array.of(2, 1));
    expect([...read]).toEqual([...pixels.slice(4), ...pixels.slice(2, 4)]);
  });

  test.each<[string, (i: number) => number]>([
    ["take turns", (i) => i % 10],
    ["lie one after another", (i) => Math.floor(i / 1000)],
  ])("is of all classes alike, where they %s", (_, label) => {
    const labels = Int32Array.from({ length: 10_000 }, (_, i) => label(i));
    const many = inMemory({ ...ten, pixels: new Uint8Array(20_000), labels });
    for (const count of [200, 500, 1000, 2000]) {
      const sample = [...sampleOf(many, count).labels!];
      const ofClass = ten.labels.map((own) => sample.filter((each) => each === own).length);
      // Five standard deviations of a class that chance gives a tenth.
      const most = 5 * Math.sqrt(count * 0.1 * 0.9);
      expect(Math.max(...ofClass.map((own) => Math.abs(own - count / 10)))).toBeLessThan(most);
      expect(sampleOf(many, count).labels).toEqual(Int32Array.from(sample));
    }
  });

  test("is all of the data set where that has no more", () => {
    expect(labelsOf(10)).toEqual([...ten.labels]);
    expect(labelsOf(2000)).toEqual([...ten.labels]);
  });
});

describe("the fingerprint", () => {
  const other = inMemory({ ...ten, pixels: ten.pixels.toReversed() });
  const of = (train: Dataset, judged: Dataset = other) => fingerprint({ train, test: judged });

  test.each<[string, Dataset]>([
    ["a label", { ...ten, labels: ten.labels.with(3, 4) }],
    ["two labels that change places", { ...ten, labels: ten.labels.with(3, 4).with(4, 3) }],
    ["labels that are not there", (({ labels: _, ...rest }) => rest)(ten)],
    ["a class's name", { ...ten, classes: ten.classes.with(9, "c10") }],
    ["the shape", { ...ten, shape: [1, 2, 1] }],
    ["a pixel", inMemory({ ...ten, pixels: ten.pixels.with(19, 20) })],
    ["the order of images", inMemory({ ...ten, pixels: ten.pixels.toReversed() })],
    ["an image less", sampleOf(ten, 9)],
  ])("tells of %s, of either part", async (_, changed) => {
    const known = await of(ten);
    const learned = await of(changed);
    expect(learned.data).not.toBe(known.data);
    expect(learned.test).toBe(known.test);
    const judged = await of(other, changed);
    expect(judged.data).not.toBe((await of(other, ten)).data);
    expect(judged.test).not.toBe((await of(other, ten)).test);
  });

  test("is the same whatever the folder's name, and another where the parts change places", async () => {
    expect(await of({ ...ten, name: "moved" })).toEqual(await of(ten));
    expect((await of(other, ten)).data).not.toBe((await of(ten, other)).data);
  });

  test("of more than a GiB is that of some hundred images from all over it", async () => {
    const asked: number[] = [];
    const read = async (indices: Int32Array) => {
      asked.push(...indices);
      return Uint8Array.from(indices, (index) => index / 2 ** 12);
    };
    const large: Dataset = { name: "large", count: 2 ** 20 + 1, shape: [1, 32, 32], read };
    const { data } = await of(large);
    expect(asked).toHaveLength(256);
    expect([Math.min(...asked), Math.max(...asked)]).toEqual([
      0,
      Math.floor((255 * large.count) / 256),
    ]);
    expect((await of({ ...large, count: large.count + 1 })).data).not.toBe(data);
  });
});

test("large images are read one ahead, and no more of them wait", async () => {
  let asked = 0;
  const read = async () => {
    asked++;
    return new Uint8Array(1);
  };
  const large: Dataset = { name: "large", count: 9, shape: [1, 2 ** 14, 2 ** 14], read };
  let used = 0;
  for await (const _ of readAhead(
    large,
    Array.from({ length: 9 }, (_, i) => Int32Array.of(i)),
  )) {
    expect(asked).toBeLessThanOrEqual(++used + 1);
  }
  expect([asked, used]).toEqual([9, 9]);
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

test("one class alone is none to tell apart", () => {
  assertSeveralClasses(ten);
  expect(() => assertSeveralClasses({ ...ten, classes: ["cat"] })).toThrow(
    "expected two classes or more to tell apart, but ten has 1",
  );
});

test("labels and shape are checked against a model", () => {
  assertLabels(ten, 10);
  expect(() => assertLabels(ten, 9)).toThrow(DataError);
  expect(() => assertLabels(ten, 9)).toThrow(
    /^ten has 10 classes \("c0", .*, \.\.\.\) and labels up to 9, but the model has only 9 outputs/,
  );
  const few = { ...ten, labels: ten.labels.map((label) => label % 3) };
  expect(() => assertLabels(few, 9)).toThrow("10 classes");
  expect(() => assertLabels(ten, 11)).toThrow(/11 outputs, but ten has 10 classes \("c0", "c1"/);
  expect(() => assertLabels(ten, 11)).toThrow("Is a class folder missing? --classes FILE");
  const numbers = ten.classes!.map((_, place) => String(place));
  expect(() => assertLabels({ ...ten, classes: numbers }, 11)).not.toThrow();
  assertShape(ten, [1, 1, 2]);
  expect(() => assertShape(ten, [3, 1, 2])).toThrow("takes images of 3×1×2");
});
