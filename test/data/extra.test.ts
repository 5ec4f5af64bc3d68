import sharp from "sharp";
import { describe, expect, test } from "vitest";
import {
  Batches,
  type Dataset,
  inMemory,
  loadExtraData,
  noLabel,
  ownImages,
  withExtra,
} from "../../src/data/index.ts";
import { dataError, temporaryFolders } from "./folder.ts";

const folders = temporaryFolders();
const shape = [1, 1, 2] as const;
const own = inMemory({
  name: "own",
  shape,
  classes: ["a", "b"],
  labels: Int32Array.of(1, 0),
  pixels: Uint8Array.of(1, 2, 3, 4),
});
const extra = inMemory({ name: "extra", shape, pixels: Uint8Array.of(5, 6, 7, 8, 9, 10) });

/** The same images, of which memory holds none. */
function onDisk({ pixels: _, ...dataset }: Dataset): Dataset {
  return dataset;
}

describe("images from elsewhere", () => {
  test.each<[string, Dataset]>([
    ["in memory", withExtra(own, extra)],
    ["on disk", withExtra(onDisk(own), onDisk(extra))],
  ])("are told from a data set's own: %s", async (_, train) => {
    const found = ownImages({ train, extra: 3 });
    expect([found.count, [...found.labels!]]).toEqual([2, [1, 0]]);
    expect([...(found.pixels ?? [])]).toEqual(train.pixels ? [1, 2, 3, 4] : []);
    expect([...(await found.read(Int32Array.of(1, 0)))]).toEqual([3, 4, 1, 2]);
    expect(ownImages({ train })).toBe(train);
  });

  test.each<[string, Dataset, Dataset]>([
    ["in memory", own, extra],
    ["on disk", onDisk(own), onDisk(extra)],
    ["half in memory", own, onDisk(extra)],
  ])("stand behind a data set's own, without labels: %s", async (_, first, second) => {
    const both = withExtra(first, second);
    expect(both.count).toBe(5);
    expect(both.classes).toEqual(["a", "b"]);
    expect([...both.labels!]).toEqual([1, 0, noLabel, noLabel, noLabel]);
    const read = await both.read(Int32Array.of(4, 0, 2, 1));
    expect([...read]).toEqual([9, 10, 1, 2, 5, 6, 3, 4]);
  });

  test("leave the channels in the order of the data set's own", () => {
    const bgr = { ...own, channelOrder: "bgr" as const };
    expect(withExtra(bgr, { ...extra, channelOrder: "bgr" as const }).channelOrder).toBe("bgr");
  });

  test("leave each image its mark of a camera's rotation", () => {
    const train = withExtra({ ...own, turned: Uint8Array.of(0, 1) }, extra);
    expect([...train.turned!]).toEqual([0, 1, 0, 0, 0]);
    expect([...ownImages({ train, extra: 3 }).turned!]).toEqual([0, 1]);
    const other = withExtra(own, { ...extra, turned: Uint8Array.of(1, 0, 1) });
    expect([...other.turned!]).toEqual([0, 0, 1, 0, 1]);
    expect(withExtra(own, extra).turned).toBeUndefined();
  });

  test("leave a data set without labels as it is", () => {
    expect(withExtra(extra, extra).labels).toBeUndefined();
  });

  test("are told apart in batches", async () => {
    const partly = async (dataset: Dataset) => {
      using batches = new Batches(dataset, { batch: 8, seed: 0, mean: [0], std: [1] });
      for await (const { isPartlyLabelled } of batches.epoch(0)) return isPartlyLabelled;
      return undefined;
    };
    expect(await partly(own)).toBeUndefined();
    expect(await partly(withExtra(own, extra))).toBe(true);
  });

  test("of another shape are refused", () => {
    const wide = inMemory({ name: "wide", shape: [1, 1, 3] as const, pixels: new Uint8Array(3) });
    expect(() => withExtra(own, wide)).toThrow("those of wide are 1×1×3");
  });

  test("lie in a folder at any depth", async () => {
    const image = sharp({ create: { width: 4, height: 4, channels: 3, background: "#a00" } });
    const png = await image.png().toBuffer();
    const folder = await folders({ "1.png": png, "deep/er/2.png": png, "notes.txt": "" });
    const images = await loadExtraData(`images:${folder}`, { shape: [3, 2, 2] });
    expect(images.count).toBe(2);
    expect(images.labels).toBeUndefined();
    expect([...(await images.read(Int32Array.of(1)))]).toEqual([
      ...[170, 170, 170, 170],
      ...[0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect(await dataError(loadExtraData(`images:${await folders()}`))).toMatch(
      /no image is in it/,
    );
    await expect(loadExtraData("folder")).rejects.toThrow("--extra-data: expected cifar10:DIR");
  });
});
