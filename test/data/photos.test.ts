// How photos are shown: in random parts, scaled, and in another light.
import { describe, expect, test } from "vitest";
import { Batches } from "../../src/data/batches.ts";
import { changeColors, planJitter } from "../../src/data/colorJitter.ts";
import { reverseChannels } from "../../src/data/dataset.ts";
import { inMemory } from "../../src/data/index.ts";
import { type Boxes, cropAndResize, planBoxes } from "../../src/data/resizedCrop.ts";
import { UsageError } from "../../src/errors.ts";
import { liveTensors, scope, tensor } from "../../src/torch/index.ts";

const time = { seed: 3, epoch: 1 };

function boxes(values: { x: number; y: number; width: number; height: number }): Boxes {
  const one = (value: number) => Float32Array.of(value);
  const { x, y, width, height } = values;
  return { x: one(x), y: one(y), width: one(width), height: one(height) };
}

/** Expects lists of random numbers of which none says anything about another. */
function expectUnrelated(lists: readonly ArrayLike<number>[]): void {
  const standardized = lists.map((list) => {
    const values = Array.from(list);
    const mean = average(values);
    const deviation = Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
    return values.map((value) => (value - mean) / deviation);
  });
  standardized.forEach((first, i) => {
    for (const second of standardized.slice(i + 1)) {
      expect(Math.abs(average(first.map((value, j) => value * second[j]!)))).toBeLessThan(0.1);
    }
  });
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe("random parts", () => {
  const least = 0.35;
  const planned = planBoxes(time, { count: 2000, least });

  test("have the area that was asked for, proportions of 3:4 to 4:3, and lie inside", () => {
    const areas: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const { x, y, width, height } = planned;
      expect(Math.abs(x[i]!) + width[i]!).toBeLessThanOrEqual(1 + 1e-6);
      expect(Math.abs(y[i]!) + height[i]!).toBeLessThanOrEqual(1 + 1e-6);
      expect(width[i]! / height[i]!).toBeGreaterThan(3 / 4 - 1e-6);
      expect(width[i]! / height[i]!).toBeLessThan(4 / 3 + 1e-6);
      areas.push(width[i]! * height[i]!);
    }
    expect(Math.min(...areas)).toBeGreaterThan(least - 1e-6);
    expect(Math.min(...areas)).toBeLessThan(least + 0.02);
    expect(Math.max(...areas)).toBeGreaterThan(0.95);
    const mean = areas.reduce((sum, area) => sum + area) / areas.length;
    // Long parts of nearly the whole area are cut to the image, so a little below the middle.
    expect(mean).toBeGreaterThan(0.62);
    expect(mean).toBeLessThan(0.675);
  });

  test("lie anywhere in the image, whatever their size and proportions", () => {
    const inside = [...planned.x.keys()].filter(
      (i) => planned.width[i]! < 1 && planned.height[i]! < 1,
    );
    const drawn = {
      x: inside.map((i) => planned.x[i]! / (1 - planned.width[i]!)),
      y: inside.map((i) => planned.y[i]! / (1 - planned.height[i]!)),
      proportions: inside.map((i) => Math.log(planned.width[i]! / planned.height[i]!)),
      area: inside.map((i) => planned.width[i]! * planned.height[i]!),
    };
    for (const [values, most] of [
      [drawn.x, 1],
      [drawn.y, 1],
      [drawn.proportions, Math.log(4 / 3)],
    ] as const) {
      expect(Math.min(...values)).toBeLessThan(-0.98 * most);
      expect(Math.max(...values)).toBeGreaterThan(0.98 * most);
      expect(Math.abs(average(values))).toBeLessThan(0.05 * most);
    }
    expectUnrelated(Object.values(drawn));
  });

  test("are the same for the same seed and epoch, others in the next", () => {
    expect(planBoxes(time, { count: 2000, least })).toEqual(planned);
    expect(planBoxes({ ...time, epoch: 2 }, { count: 2000, least })).not.toEqual(planned);
  });

  test("are cut out and scaled as bilinear sampling has it", () => {
    scope(() => {
      const ramp = Array.from({ length: 16 }, (_, i) => i);
      const image = tensor(ramp, { shape: [1, 1, 4, 4] });
      const whole = cropAndResize(
        image,
        boxes({ x: 0, y: 0, width: 1, height: 1 }),
        Int32Array.of(0),
      );
      expect(whole.numbers()).toEqual(ramp);
      // The right half of the width and the lower half of the height: 2.25, 2.75, 3.25 and 3.75 less a half; beyond the last middle the last.
      const corner = boxes({ x: 0.5, y: 0.5, width: 0.5, height: 0.5 });
      const steps = [1.75, 2.25, 2.75, 3];
      const part = cropAndResize(image, corner, Int32Array.of(0)).numbers();
      const expected = steps.flatMap((row) => steps.map((column) => 4 * row + column));
      part.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
    });
  });
});

test("a part of a batch's image is the one planned for that image, and wide where it is", () => {
  scope(() => {
    const ramp = Array.from({ length: 16 }, (_, i) => i);
    // The second image of the data set: the lower half in all its width.
    const planned = {
      x: Float32Array.of(0.9, 0),
      y: Float32Array.of(0.9, 0.5),
      width: Float32Array.of(0.1, 1),
      height: Float32Array.of(0.1, 0.5),
    };
    const image = tensor(ramp, { shape: [1, 1, 4, 4] });
    const part = cropAndResize(image, planned, Int32Array.of(1)).numbers();
    const rows = [1.75, 2.25, 2.75, 3];
    const expected = rows.flatMap((row) => [0, 1, 2, 3].map((column) => 4 * row + column));
    part.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  });
});

describe("colours", () => {
  test("change by at most the share that was asked for", () => {
    const { brightness, contrast, saturation } = planJitter(time, { count: 1000, most: 0.4 });
    for (const factors of [brightness, contrast, saturation]) {
      expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.6 - 1e-6);
      expect(Math.min(...factors)).toBeLessThan(0.61);
      expect(Math.max(...factors)).toBeGreaterThan(1.39);
    }
    expectUnrelated([brightness, contrast, saturation]);
  });

  test.each(["rgb", "bgr"] as const)(
    "are those of torchvision's three functions, %s",
    (channelOrder) => {
      // Two pixels, each three colours; by hand: brightness, then contrast about the mean grey, then saturation.
      const pixels = [
        [0.2, 0.4],
        [0.6, 0.1],
        [0.5, 0.9],
      ];
      const [b, c, s] = [1.2, 0.8, 1.3];
      const weights = [0.299, 0.587, 0.114];
      const greyOf = (colors: number[][], pixel: number) =>
        colors.reduce((sum, plane, i) => sum + plane[pixel]! * weights[i]!, 0);
      const bright = pixels.map((plane) => plane.map((value) => value * b));
      const average = (greyOf(bright, 0) + greyOf(bright, 1)) / 2;
      const contrasted = bright.map((plane) =>
        plane.map((value) => average + (value - average) * c),
      );
      const expected = contrasted.map((plane) =>
        plane.map((value, i) => {
          const grey = greyOf(contrasted, i);
          return Math.min(1, Math.max(0, grey + (value - grey) * s));
        }),
      );
      const planes = (list: number[][]) => (channelOrder === "bgr" ? list.toReversed() : list);
      const jitter = {
        brightness: Float32Array.of(7, b),
        contrast: Float32Array.of(7, c),
        saturation: Float32Array.of(7, s),
      };
      scope(() => {
        const images = tensor(planes(pixels).flat(), { shape: [1, 3, 1, 2] });
        const numbers = Int32Array.of(1);
        const changed = changeColors(images, { jitter, numbers, channelOrder }).numbers();
        changed.forEach((value, i) => {
          expect(value).toBeCloseTo(planes(expected).flat()[i]!, 5);
        });
      });
    },
  );
});

describe("a batch of photos", () => {
  const shape = [3, 8, 8] as const;
  const pixels = Uint8Array.from({ length: 12 * 192 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const data = inMemory({ name: "photos", pixels, shape });
  const options = { batch: 4, seed: 5, mean: [0], std: [1] };

  async function images(augment: object): Promise<number[]> {
    const all: number[] = [];
    using batches = new Batches(data, { ...options, augment: { crop: 0, flip: true, ...augment } });
    for await (const batch of batches.epoch(2)) all.push(...batch.images.numbers());
    return all;
  }

  test("differs from the whole images, is the same again, and leaves no tensor", async () => {
    const before = liveTensors();
    const whole = await images({});
    const part = await images({ resizedCrop: 0.3 });
    const both = { resizedCrop: 0.3, colorJitter: 0.4 };
    const colored = await images(both);
    expect(part).not.toEqual(whole);
    expect(colored).not.toEqual(part);
    expect(await images(both)).toEqual(colored);
    expect(Math.min(...colored)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...colored)).toBeLessThanOrEqual(1);
    expect(liveTensors()).toBe(before);
  });

  test("has the same colours whichever comes first, red or blue", async () => {
    const augment = { crop: 0, flip: false, colorJitter: 0.9 };
    const [rgb, bgr] = [
      data,
      inMemory({ ...data, pixels: reverseChannels(pixels, shape), channelOrder: "bgr" as const }),
    ].map((each) => new Batches(each, { ...options, batch: 12, augment }));
    for await (const first of rgb!.epoch(0)) {
      for await (const second of bgr!.epoch(0)) {
        const values = second.images.numbers();
        first.images.numbers().forEach((value, place) => {
          const [plane, pixel] = [Math.floor(place / 64), place % 64];
          expect(values[(plane + 2 - 2 * (plane % 3)) * 64 + pixel]).toBeCloseTo(value, 5);
        });
      }
    }
    for (const each of [rgb, bgr]) each!.dispose();
  });

  test.each([
    { resizedCrop: 0 },
    { resizedCrop: 1.5 },
    { resizedCrop: Number.NaN },
    { colorJitter: -0.1 },
    { colorJitter: 2 },
  ])("refuses $resizedCrop $colorJitter", async (augment) => {
    await expect(images(augment)).rejects.toThrow(UsageError);
  });
});
