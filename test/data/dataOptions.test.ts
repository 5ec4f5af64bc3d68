// What a user may say of image folders.
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { dataFacts, type LoadOptions, loadData } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { grey, imageFolders, levels, png, red, teal } from "./imageFolders.ts";

const { folders, dataFolder } = imageFolders();

describe("options of image folders", () => {
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
    expect(train.channelOrder).toBe("bgr");
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
