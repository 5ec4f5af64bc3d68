// What two models answered as a file, and pictures of images as models take them.
import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { inMemory } from "../../src/data/index.ts";
import { encodePng, writePredictions } from "../../src/evaluate/predictions.ts";
import { workshop } from "../workshop.ts";

const path = workshop();

test("probabilities in steps, whose sums are not quite 1, are as near to exact ones as they look", async () => {
  const pixels = Uint8Array.of(0, 0);
  const images = inMemory({ name: "two", shape: [1, 1, 1], labels: Int32Array.of(0, 1), pixels });
  const answers = (values: number[]) => ({
    logits: Float32Array.from(values),
    classes: Int32Array.of(0, 1),
  });
  // A quantized softmax gives multiples of 1/256: 257 and 256 of them here.
  const stepped = answers([250, 7, 4, 252].map((step) => step / 256));
  const exact = answers([0.973, 0.027, 0.016, 0.984]);
  await writePredictions(path("two.json"), [stepped, exact] as never, images);
  const written = JSON.parse(readFileSync(path("two.json"), "utf8"));
  expect(written.original.confidences).toEqual([0.9766, 0.9844]);
  expect(written.obfuscated.confidences).toEqual([0.973, 0.984]);
  for (const distance of written.apart) expect(distance).toBeLessThan(0.003);
});

test.each([
  ["rgb", [10, 20, 30]],
  ["bgr", [30, 20, 10]],
] as const)(
  "a thumbnail of %s planes shows the colours of the image",
  async (channelOrder, rgb) => {
    const pixels = Uint8Array.from([10, 10, 20, 20, 30, 30]);
    const png = await encodePng(pixels, { shape: [3, 1, 2], channelOrder });
    const shown = await sharp(Buffer.from(png, "base64")).raw().toBuffer();
    expect([...shown]).toEqual([...rgb, ...rgb]);
  },
);
