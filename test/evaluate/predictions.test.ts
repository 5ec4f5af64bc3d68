// Pictures of images as models take them.
import sharp from "sharp";
import { expect, test } from "vitest";
import { encodePng } from "../../src/evaluate/predictions.ts";

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
