// What an epoch is expected to take: by which steps that is measured.
import { expect, test } from "vitest";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { secondsPerEpoch } from "../../src/obfuscate/speed.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

const path = workshop();

test("is measured on a worker's share of each batch, and where the run has a single step", async () => {
  const { options, inputs } = await prepare({
    model: writeTiny(path("tiny.onnx")),
    data: writeData(path("data")),
    out: path("run"),
    depth: 4,
    epochs: 1,
    batchSize: 128,
    threads: 1,
    acceptOriginal: true,
  });
  const { pixels: _, ...train } = inputs.data.train;
  /** Numbers of images in the batches that were read. */
  async function batchesRead(workers: number): Promise<ReadonlySet<number>> {
    const sizes = new Set<number>();
    const read = (places: Int32Array) => {
      sizes.add(places.length);
      return train.read(places);
    };
    const data = { ...inputs.data, train: { ...train, read } };
    const asked = { options: { ...options, workers }, inputs: { ...inputs, data } };
    expect(await secondsPerEpoch(asked)).toBeGreaterThan(0);
    return sizes;
  }
  expect(await batchesRead(1)).toEqual(new Set([128]));
  expect(await batchesRead(4)).toEqual(new Set([32]));
});
