// What a pirate makes of a file before he trains: it can be stopped, and takes little memory.
import { expect, test, vi } from "vitest";
import { dismantle } from "../../src/attack/loot.ts";
import type { Dataset } from "../../src/data/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { liveTensors, Tensor } from "../../src/torch/index.ts";
import { chain, noise } from "./pair.ts";

const usual = { mean: [0.4], std: [0.3], device: "cpu", seed: 0, onProgress() {} } as const;

test("taking a file apart is stopped behind a batch", async () => {
  let batches = 0;
  const onProgress = () => {
    batches++;
    throw new Error("stopped");
  };
  const begun = dismantle(chain, noise(300), { ...usual, onProgress });
  await expect(begun).rejects.toThrow("stopped");
  expect(batches).toBe(1);
});

/** Images that no memory holds, and how many of them were read at a time. */
function watched({ pixels: _, ...images }: Dataset): { images: Dataset; reads: number[] } {
  const reads: number[] = [];
  const read: Dataset["read"] = (places) => {
    reads.push(places.length);
    return images.read(places);
  };
  return { images: { ...images, read }, reads };
}

test.each([
  [undefined, [128, 2]],
  [100, [100, 30]],
  [512, [128, 2]],
])("shows as many images at a time as a step is told to take: %s", async (batchSize, expected) => {
  const { images, reads } = watched(noise(130));
  await dismantle(chain, images, { ...usual, batchSize });
  expect(reads).toEqual(expected);
});

test("shows few images at a time where their maps are large", async () => {
  const build = new GraphBuilder({ seed: 4 });
  const image = build.input("image", ["N", 1, 256, 256]);
  const map = build.conv(image, { name: "conv", outputs: 128, kernel: 3, padding: 1 });
  const rows = build.flatten(build.globalAveragePool(map));
  build.output(build.linear(rows, { name: "fc", outputs: 4 }), "logits");
  const { pixels: _, ...images } = noise(9, [1, 256, 256]);
  const read: Dataset["read"] = async (places) => {
    throw new Error(`${places.length} at a time`);
  };
  // Its maps have 2^23 numbers, and a few more.
  const begun = dismantle(build.build(), { ...images, read }, usual);
  await expect(begun).rejects.toThrow(/^7 at a time/);
});

test("holds one map at a time in float64", async () => {
  const { numbers } = Tensor.prototype;
  const live: number[] = [];
  const watching = vi.spyOn(Tensor.prototype, "numbers").mockImplementation(function (
    this: Tensor,
  ) {
    live.push(liveTensors());
    return numbers.call(this);
  });
  await dismantle(chain, noise(8), usual);
  watching.mockRestore();
  // Mean and variance of three maps.
  expect(live.slice(0, 6)).toEqual(new Array(6).fill(live[0]));
});
