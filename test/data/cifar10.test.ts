import { truncate } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { assertLabels, holdOut, loadData, loadExtraData, withExtra } from "../../src/data/index.ts";
import { ResourceError, UsageError } from "../../src/errors.ts";
import { dataError, temporaryFolders } from "./folder.ts";

const folders = temporaryFolders();

/** Records with the given labels; pixel i of record r is 100 r + i, modulo 256. */
function records(labels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(labels.length * 3073);
  labels.forEach((label, record) => {
    for (let i = 0; i < 3072; i++) bytes[record * 3073 + 1 + i] = 100 * record + i;
    bytes[record * 3073] = label;
  });
  return bytes;
}

describe("CIFAR-10", () => {
  const files = {
    "data_batch_1.bin": records([3, 9]),
    "data_batch_2.bin": records([0]),
    "test_batch.bin": records([7, 7, 1]),
  };

  test.each(["", "cifar-10-batches-bin/"])(
    "is read from the folder and below it: %s",
    async (at) => {
      const placed = Object.entries(files).map(([name, bytes]) => [at + name, bytes]);
      const { train, test: judged } = await loadData(
        `cifar10:${await folders(Object.fromEntries(placed))}`,
      );
      expect([...train.labels!]).toEqual([3, 9, 0]);
      expect([...judged.labels!]).toEqual([7, 7, 1]);
      expect(train.shape).toEqual([3, 32, 32]);
      expect(train.classes![9]).toBe("truck");
      expect(train.pixels!).toHaveLength(3 * 3072);
      expect(train.pixels![3072]).toBe(100);
      expect(train.pixels![2 * 3072 + 300]).toBe(300 % 256);
      expect(judged.pixels![2 * 3072 + 3071]).toBe((200 + 3071) % 256);
    },
  );

  test("must have the size that the model takes", async () => {
    const spec = `cifar10:${await folders(files)}`;
    expect(await dataError(loadData(spec, { shape: [3, 224, 224] }))).toMatch(
      /takes images of 3×224×224 .* are 3×32×32/,
    );
    await loadData(spec, { shape: [3, 32, 32] });
  });

  test("takes no list of classes, and a model of more is told so, whatever is done with its images", async () => {
    const data = await loadData(`cifar10:${await folders(files)}`);
    const parts = [data.test, holdOut(data, 1).test, withExtra(data.train, data.test)];
    for (const part of parts) {
      expect(() => assertLabels(part, 100)).toThrow(/The format has no others: .* images:DIR/);
    }
  });

  test("can be had as blue, green and red, and without labels", async () => {
    const spec = `cifar10:${await folders(files)}`;
    const { train } = await loadData(spec);
    const turned = await loadData(spec, { channelOrder: "bgr", labels: "none" });
    const [rgb, bgr] = [train.pixels!, turned.train.pixels!];
    for (const plane of [0, 1, 2]) {
      const [from, to] = [3072 + plane * 1024, 3072 + (2 - plane) * 1024];
      expect(bgr.subarray(to, to + 1024)).toEqual(rgb.subarray(from, from + 1024));
    }
    expect(turned.train.count).toBe(3);
    expect([train.channelOrder, turned.train.channelOrder]).toEqual([undefined, "bgr"]);
    expect([turned.train.labels, turned.train.classes]).toEqual([undefined, undefined]);
    expect((await turned.test.read(Int32Array.of(2)))[0]).toBe((200 + 2048) % 256);
  });

  test("gives its training images alone as images from elsewhere, in the order of colours asked for", async () => {
    const spec = `cifar10:${await folders(files)}`;
    const { train } = await loadData(spec, { channelOrder: "bgr" });
    const { pixels, labels, classes } = await loadExtraData(spec, { channelOrder: "bgr" });
    expect(pixels).toEqual(train.pixels);
    expect([labels, classes]).toEqual([undefined, undefined]);
  });

  test("refuses options of image folders", async () => {
    const spec = `cifar10:${await folders(files)}`;
    const loading = loadData(spec, { imageSize: 224, testShare: 0.1 });
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toThrow("--image-size, --test-share: only for image folders");
  });

  test("names every file that is missing, empty, cut short or a folder, at once", async () => {
    const folder = await folders({
      "data_batch_1.bin": records([1, 2]).subarray(0, 5000),
      "data_batch_3.bin": new Uint8Array(0),
      "test_batch.bin/x": "",
    });
    const message = await dataError(loadData(`cifar10:${folder}`));
    expect(message).toContain("4 problems");
    expect(message).toContain("expected a multiple of 3073 bytes");
    expect(message).toContain("got 5000 bytes, which is 1 record and 1927 bytes");
    expect(message).toContain("data_batch_2.bin does not exist");
    expect(message).toContain("data_batch_3.bin is empty");
    expect(message).toContain("test_batch.bin is not a file");
  });

  test("refuses files that memory does not hold, before they are read", async () => {
    const folder = await folders(files);
    const sixGibibytes = 3073 * Math.ceil((6 * 2 ** 30) / 3073);
    await truncate(`${folder}/data_batch_1.bin`, sixGibibytes); // without a byte on the disk
    const loading = loadData(`cifar10:${folder}`);
    await expect(loading).rejects.toThrow(ResourceError);
    await expect(loading).rejects.toThrow(/6\.0 GiB.*Use fewer or smaller images/);
  });

  test("refuses labels above 9, with file and record", async () => {
    const folder = await folders({ ...files, "test_batch.bin": records([1, 10, 11]) });
    expect(await dataError(loadData(`cifar10:${folder}`))).toContain(
      "test_batch.bin has the label 10 in record 1: expected 0 to 9",
    );
  });

  test("refuses a folder that is missing, empty, or a file", async () => {
    const folder = await folders({ file: "" });
    expect(await dataError(loadData(`cifar10:${folder}/none`))).toMatch(/none does not exist$/);
    expect(await dataError(loadData("cifar10:~/none"))).toMatch(/does not exist: .* write \$HOME$/);
    expect(await dataError(loadData(`cifar10:${folder}/file`))).toMatch(/file is not a folder/);
    const message = await dataError(loadData(`cifar10:${await folders()}`));
    expect(message).toContain("data_batch_1.bin does not exist");
    expect(message).toContain("test_batch.bin does not exist");
  });
});
