import { describe, expect, test } from "vitest";
import {
  assertLabels,
  assertShape,
  type Dataset,
  describeData,
  loadData,
  parseDataSpec,
  splitDataset,
} from "../../src/data/index.ts";
import { DataError, UsageError } from "../../src/errors.ts";

const ten: Dataset = {
  name: "ten",
  images: Uint8Array.from({ length: 20 }, (_, index) => index),
  labels: Int32Array.from({ length: 10 }, (_, index) => index),
  shape: [1, 1, 2],
  classes: Array.from({ length: 10 }, (_, index) => `c${index}`),
};

describe("the DATA notation", () => {
  test("is a format, a colon and a folder, which may hold colons itself", () => {
    expect(parseDataSpec("idx:/a b")).toEqual({ format: "idx", folder: "/a b" });
    expect(parseDataSpec("images:C:\\x")).toEqual({ format: "images", folder: "C:\\x" });
  });

  test.each(["", "cifar10", "cifar10:", ":x", "mnist:x", "CIFAR10:x", "/data/cifar10"])(
    'refuses "%s"',
    async (spec) => {
      await expect(loadData(spec)).rejects.toThrow(UsageError);
      await expect(loadData(spec)).rejects.toThrow(`got "${spec}"`);
    },
  );
});

describe("a split", () => {
  test("deals every image out once, keeps image and label together, and depends on the seed", () => {
    const { rest, heldOut } = splitDataset(ten, { holdOut: 3, seed: 1 });
    expect([rest.labels.length, heldOut.labels.length]).toEqual([7, 3]);
    expect([...rest.labels, ...heldOut.labels].sort()).toEqual([...ten.labels]);
    for (const { labels, images } of [rest, heldOut]) {
      expect([...images]).toEqual([...labels].flatMap((label) => [2 * label, 2 * label + 1]));
    }
    expect(splitDataset(ten, { holdOut: 3, seed: 1 }).heldOut.labels).toEqual(heldOut.labels);
    const others = [2, 3, 4].map((seed) => splitDataset(ten, { holdOut: 3, seed }).heldOut.labels);
    expect(others.some((labels) => labels.join() !== heldOut.labels.join())).toBe(true);
  });

  test.each([0, -1, 10, 11, 1.5, Number.NaN])("refuses to hold out %s of ten", (holdOut) => {
    expect(() => splitDataset(ten, { holdOut, seed: 0 })).toThrow(UsageError);
  });
});

test("a data set is described in a line", () => {
  expect(describeData({ train: ten, test: { ...ten, labels: ten.labels.slice(0, 4) } })).toBe(
    "10 training and 4 test images of 1×1×2 in 10 classes",
  );
});

test("labels and shape are checked against a model", () => {
  assertLabels(ten, 10);
  expect(() => assertLabels(ten, 9)).toThrow(DataError);
  expect(() => assertLabels(ten, 9)).toThrow("ten has labels up to 9 (10 classes)");
  assertShape(ten, [1, 1, 2]);
  expect(() => assertShape(ten, [3, 1, 2])).toThrow("takes images of 3×1×2");
});
