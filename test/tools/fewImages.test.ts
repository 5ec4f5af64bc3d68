// What `npm run few-images` learns from, and what it says of it.
import { expect, test } from "vitest";
import { inMemory, loadData } from "../../src/data/index.ts";
import { fewImagesTable } from "../../tools/documents/fewImages.ts";
import { writeShare } from "../../tools/fewImages/share.ts";
import { folderOf, isRecorded } from "../../tools/fewImages/trial.ts";
import { workshop } from "../workshop.ts";
import { chainRun } from "./runs.ts";

const path = workshop();

function images(count: number, first: number) {
  const size = 3 * 32 * 32;
  return inMemory({
    name: "made",
    shape: [3, 32, 32] as const,
    classes: Array.from({ length: 10 }, (_, i) => `${i}`),
    labels: Int32Array.from({ length: count }, (_, i) => (first + i) % 10),
    pixels: Uint8Array.from({ length: count * size }, (_, i) => first + Math.floor(i / size)),
  });
}

test("a share holds so many of the training images with their labels, and all that judge", async () => {
  const folder = path("share");
  await writeShare({ train: images(20, 0), test: images(5, 100) }, { count: 4, folder });
  const { train, test: judged } = await loadData(`cifar10:${folder}`);
  expect(train.count).toBe(4);
  expect(new Set(train.pixels).size).toBe(4);
  const first = await train.read(Int32Array.of(0, 1, 2, 3));
  expect([...train.labels!]).toEqual([0, 1, 2, 3].map((i) => first[i * 3 * 32 * 32]! % 10));
  expect([...judged.labels!]).toEqual([0, 1, 2, 3, 4]);
});

test("a run is recorded, and has its folder, by all that distinguishes it", () => {
  const trial = {
    series: "o",
    name: "extra and mixup",
    depth: 7,
    images: 450,
    heldOut: 5000,
    epochs: 16,
    seed: 0,
  };
  expect(folderOf(trial)).toBe("runs/few-images/o-7-450-h5000-e16-extra-and-mixup-s0");
  expect(isRecorded(trial, [trial])).toBe(true);
  for (const other of [{ depth: 5 }, { heldOut: 0 }, { epochs: 8 }, { name: "extra" }]) {
    const changed = { ...trial, ...other };
    expect(isRecorded(trial, [changed]), JSON.stringify(other)).toBe(false);
    expect(folderOf(changed)).not.toBe(folderOf(trial));
  }
});

test("the table has a row for each number of images and variant, with means over the seeds", () => {
  const run = (name: string, seed: number, accuracy: number) => ({
    ...chainRun({ series: "o", name, seed }),
    images: 450,
    elsewhere: name === "extra" ? 9000 : 0,
    heldOut: 5000,
    obfuscated: { ...chainRun({}).obfuscated, accuracy },
  });
  const rows = fewImagesTable([run("plain", 0, 0.6), run("plain", 1, 0.7), run("extra", 0, 0.8)]);
  expect(rows).toMatch(/\| o \| 450 \| 0 \| plain \| 0, 1 \| [^|]+ \| 65\.00 % \|/);
  expect(rows).toMatch(/\| o \| 450 \| 9000 \| extra \| 0 \| [^|]+ \| 80\.00 % \|/);
});
