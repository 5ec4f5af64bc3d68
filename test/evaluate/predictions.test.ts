// What two models answered as a file, and pictures of images as models take them.
import { readFileSync } from "node:fs";
import sharp from "sharp";
import { expect, test } from "vitest";
import { inMemory } from "../../src/data/index.ts";
import { encodePng, writePredictions } from "../../src/evaluate/predictions.ts";
import { randomBits } from "../../src/graph/random.ts";
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

test("images come by how far both are apart, the furthest first, each with its own picture", async () => {
  const greys = [10, 20, 30, 40];
  const images = inMemory({
    name: "four",
    shape: [1, 1, 1] as const,
    pixels: Uint8Array.from(greys),
    labels: Int32Array.of(0, 1, 0, 1),
    classes: ["a", "b"],
  });
  const answers = (...shares: number[]) => ({
    logits: Float32Array.from(shares.flatMap((share) => [share, 1 - share])),
    classes: Int32Array.from(shares, (share) => (share < 0.5 ? 1 : 0)),
  });
  const both = [answers(0.75, 0.25, 1, 0.5), answers(0.75, 0.5, 0, 0.875)];
  await writePredictions(path("four.json"), both as never, images);
  const written = JSON.parse(readFileSync(path("four.json"), "utf8"));
  expect(written).toMatchObject({
    classes: ["a", "b"],
    labels: [0, 1, 0, 1],
    apart: [0, 0.25, 1, 0.375],
    original: { classes: [0, 1, 0, 0], confidences: [0.75, 0.75, 1, 0.5] },
    obfuscated: { classes: [0, 0, 1, 0], confidences: [0.75, 0.5, 1, 0.875] },
  });
  const shown = await Promise.all(
    written.thumbnails.map(async ({ place, png }: { place: number; png: string }) => {
      const [grey] = await sharp(Buffer.from(png, "base64")).raw().toBuffer();
      return [place, grey];
    }),
  );
  expect(shown).toEqual([2, 3, 1].map((place) => [place, greys[place]]));
});

test("pictures end where they would make the file too large", async () => {
  const pixels = Uint8Array.from(randomBits({ seed: 1, name: "noise" }, 40 * 3 * 96 * 96));
  const images = inMemory({ name: "noise", shape: [3, 96, 96] as const, pixels });
  const answers = (share: number) => ({
    logits: Float32Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? share : 1 - share)),
    classes: new Int32Array(40),
  });
  await writePredictions(path("noise.json"), [answers(1), answers(0.75)] as never, images);
  const { thumbnails } = JSON.parse(readFileSync(path("noise.json"), "utf8"));
  const room = thumbnails.reduce((sum: number, { png }: { png: string }) => sum + png.length, 0);
  expect(room).toBeLessThanOrEqual(180_000);
  expect(room).toBeGreaterThan(140_000);
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
