import { describe, expect, test } from "vitest";
import { fit, type ImageView } from "../../src/data/imageView.ts";
import { type Raster, resample } from "../../src/data/resample.ts";

/** An image [height, width, channels] whose byte at place i is (i × 97) mod 251. */
function madeUp(height: number, width: number, channels = 1): Raster {
  const pixels = Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 97) % 251);
  return { pixels, height, width, channels };
}

function scaled(image: Raster, height: number, width: number): number[] {
  const whole = (length: number) => ({ length, kept: { start: 0, length } });
  return [...resample(image, { rows: whole(height), columns: whole(width) }).pixels];
}

describe("scaling", () => {
  test("weighs neighbours by a triangle: half the size takes 1, 3, 3 and 1 eighths", () => {
    const row: Raster = {
      pixels: Uint8Array.of(0, 80, 160, 240),
      height: 1,
      width: 4,
      channels: 1,
    };
    // At the edge the part outside is left out: (3 × 0 + 3 × 80 + 160) / 7 and its mirror image.
    expect(scaled(row, 1, 2)).toEqual([57, 183]);
    expect(scaled({ ...row, height: 4, width: 1 }, 2, 1)).toEqual([57, 183]);
    // Twice the size takes 3 and 1 quarters.
    expect(scaled(row, 1, 8)).toEqual([0, 20, 60, 100, 140, 180, 220, 240]);
  });

  // Expected bytes: Image.fromarray(a).resize((width, height), Image.BILINEAR) of Pillow 11.3.
  test.each<[[number, number, number], [number, number], number[]]>([
    [
      [3, 7, 1],
      [3, 4],
      [51, 131, 129, 149, 108, 128, 126, 75, 142, 104, 182, 144],
    ],
    [
      [7, 5, 1],
      [3, 2],
      [122, 93, 122, 130, 126, 128],
    ],
    [
      [2, 3, 3],
      [4, 5],
      [
        0, 97, 194, 16, 113, 210, 40, 137, 234, 64, 161, 107, 80, 177, 23, 30, 127, 161, 46, 118,
        177, 70, 104, 201, 94, 128, 112, 110, 144, 53, 90, 187, 96, 106, 128, 112, 130, 39, 136,
        154, 63, 122, 170, 79, 113, 120, 217, 63, 136, 133, 79, 160, 6, 103, 184, 30, 127, 200, 46,
        143,
      ],
    ],
    [
      [50, 2, 3],
      [3, 1],
      [123, 125, 123, 126, 126, 126, 128, 124, 121],
    ],
    [
      [9, 9, 1],
      [4, 4],
      [127, 106, 135, 103, 149, 119, 144, 94, 136, 110, 135, 106, 127, 133, 127, 122],
    ],
  ])("gives Pillow's bytes: %j to %j", ([height, width, channels], [tall, wide], bytes) => {
    expect(scaled(madeUp(height, width, channels), tall, wide)).toEqual(bytes);
  });

  test("makes the kept part alone as it makes the whole", () => {
    const image = madeUp(37, 53, 3);
    const whole = resample(image, {
      rows: { length: 20, kept: { start: 0, length: 20 } },
      columns: { length: 31, kept: { start: 0, length: 31 } },
    });
    const part = resample(image, {
      rows: { length: 20, kept: { start: 3, length: 14 } },
      columns: { length: 31, kept: { start: 8, length: 14 } },
    });
    for (let row = 0; row < 14; row++) {
      const from = ((row + 3) * 31 + 8) * 3;
      const expected = whole.pixels.subarray(from, from + 14 * 3);
      expect(part.pixels.subarray(row * 42, row * 42 + 42)).toEqual(expected);
    }
  });

  test("cuts out of an image that is not scaled along an axis, or along neither", () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, i) => 10 * i);
    const image: Raster = { pixels, height: 4, width: 3, channels: 1 };
    const part = (columns: number) => {
      const axes = {
        rows: { length: 4, kept: { start: 1, length: 2 } },
        columns: { length: columns, kept: { start: columns - 2, length: 2 } },
      };
      return [...resample(image, axes).pixels];
    };
    expect(part(3)).toEqual([40, 50, 70, 80]);
    // Six columns: at the edge the last one, before it 1 and 3 quarters.
    expect(part(6)).toEqual([48, 50, 78, 80]);
  });
});

describe("the part that is shown", () => {
  const view = (resize: ImageView["resize"], height = 224, width = 224): ImageView => ({
    shape: [3, height, width],
    resize,
    orientation: "apply",
    channelOrder: "rgb",
  });
  const sizes = (height: number, width: number, of: ImageView) => {
    const { rows, columns } = fit({ height, width }, of);
    return [rows.length, columns.length, rows.kept.start, columns.kept.start];
  };

  test("is that of torchvision's Resize and CenterCrop", () => {
    // int(256 * 500 / 375) = 341; round((341 - 224) / 2) = round(58.5) = 58, to even.
    expect(sizes(375, 500, view(256))).toEqual([256, 341, 16, 58]);
    expect(sizes(500, 375, view(256))).toEqual([341, 256, 58, 16]);
    // int(224 * 500 / 333) = 336; (336 - 224) / 2 = 56.
    expect(sizes(333, 500, view("crop"))).toEqual([224, 336, 0, 56]);
    // int(224 * 431 / 425) = 227; round(1.5) = 2.
    expect(sizes(425, 431, view("crop"))).toEqual([224, 227, 0, 2]);
    expect(sizes(224, 224, view("crop"))).toEqual([224, 224, 0, 0]);
  });

  test("covers shapes that are not square", () => {
    expect(sizes(100, 100, view("crop", 20, 30))).toEqual([30, 30, 5, 0]);
    expect(sizes(100, 400, view("crop", 20, 30))).toEqual([20, 80, 0, 25]);
    expect(sizes(2000, 3, view("crop", 2, 2))[1]).toBe(2);
  });

  test("is the whole image where it is squashed", () => {
    expect(sizes(375, 500, view("squash"))).toEqual([224, 224, 0, 0]);
  });
});
