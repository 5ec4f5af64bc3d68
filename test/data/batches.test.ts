import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planEpoch, positionTables } from "../../src/data/augmentation.ts";
import { Batches } from "../../src/data/batches.ts";
import { assertForUnitPixels, type Dataset, hostBatches, inMemory } from "../../src/data/index.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { liveTensors, scope, type Tensor } from "../../src/torch/index.ts";

const [channels, height, width] = [3, 5, 6];
const imageSize = channels * height * width;

/** `count` images of pseudo-random pixels; an image's label is its place. */
function dataset(count: number) {
  return inMemory({
    name: "test images",
    pixels: Uint8Array.from(
      { length: count * imageSize },
      (_, i) => Math.imul(i, 2654435761) >>> 24,
    ),
    labels: Int32Array.from({ length: count }, (_, index) => index),
    shape: [channels, height, width],
    classes: Array.from({ length: count }, (_, index) => String(index)),
  });
}

/** The same images, none of which memory holds. */
function streamed(data: Dataset): Dataset {
  const { pixels: _, ...rest } = data;
  return rest;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const plain = { batch: 4, seed: 1, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };

/** Everything an epoch deals out: label and rounded pixels of each image. */
async function deal(batches: Batches, epoch: number, from = 0) {
  const images: { label: number; pixels: number[] }[] = [];
  for await (const batch of batches.epoch(epoch, { from })) {
    const pixels = batch.images.numbers().map(Math.round);
    batch.labels!.numbers().forEach((label, index) => {
      images.push({ label, pixels: pixels.slice(index * imageSize, (index + 1) * imageSize) });
    });
  }
  return images;
}

function originalPixels({ pixels }: ReturnType<typeof dataset>, label: number): number[] {
  return [...pixels.subarray(label * imageSize, (label + 1) * imageSize)];
}

/** The image shifted and mirrored pixel by pixel, edges reflected: the plain definition. */
function view(pixels: number[], { dx, dy, flip }: { dx: number; dy: number; flip: boolean }) {
  const reflect = (at: number, size: number) =>
    at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
  return pixels.map((_, place) => {
    const column = place % width;
    const row = Math.floor(place / width) % height;
    const plane = Math.floor(place / (width * height));
    const x = reflect((flip ? width - 1 - column : column) + dx, width);
    return pixels[(plane * height + reflect(row + dy, height)) * width + x]!;
  });
}

describe("an epoch", () => {
  test("shows every image once, unchanged without augmentation, in an order of its own", async () => {
    const data = dataset(10);
    using batches = new Batches(data, plain);
    expect(batches.length).toBe(3);
    const [first, second] = [await deal(batches, 0), await deal(batches, 1)];
    for (const images of [first, second]) {
      expect(images.map(({ label }) => label).sort()).toEqual([...data.labels]);
      for (const { label, pixels } of images) expect(pixels).toEqual(originalPixels(data, label));
    }
    expect(first.map(({ label }) => label)).not.toEqual(second.map(({ label }) => label));
  });

  test("is the same for the same seed, whatever came before, and can be entered anywhere", async () => {
    const options = { ...plain, augment: { crop: 2, flip: true } };
    using batches = new Batches(dataset(10), options);
    using again = new Batches(dataset(10), options);
    using other = new Batches(dataset(10), { ...options, seed: 2 });
    const third = await deal(batches, 3);
    await deal(again, 0);
    expect(await deal(again, 3)).toEqual(third);
    expect(await deal(again, 3, 1)).toEqual(third.slice(4));
    expect(await deal(other, 3)).not.toEqual(third);
  });

  test("may leave out what does not fill a batch", async () => {
    using batches = new Batches(dataset(10), { ...plain, dropLast: true });
    expect(batches.length).toBe(2);
    expect(await deal(batches, 0)).toHaveLength(8);
  });

  test("shifts by at most `crop` with reflected edges, every offset alike", async () => {
    const data = dataset(200);
    const crop = 2;
    using batches = new Batches(data, { ...plain, batch: 64, augment: { crop, flip: true } });
    const offsets = new Map<string, number>();
    for (const { label, pixels } of await deal(batches, 0)) {
      const original = originalPixels(data, label);
      const views = [false, true].flatMap((flip) =>
        [-2, -1, 0, 1, 2].flatMap((dy) => [-2, -1, 0, 1, 2].map((dx) => ({ dx, dy, flip }))),
      );
      const match = views.find((each) => view(original, each).join() === pixels.join());
      expect(match).toBeDefined();
      const key = `${match!.dx},${match!.dy}`;
      offsets.set(key, (offsets.get(key) ?? 0) + 1);
    }
    expect(offsets.size).toBeGreaterThan(20);
    expect(Math.max(...offsets.values())).toBeLessThan(25);
  });

  test("mirrors about half of the images, and the others in the next epoch", async () => {
    const data = dataset(100);
    using batches = new Batches(data, { ...plain, augment: { crop: 0, flip: true } });
    const mirrored = async (epoch: number) =>
      new Set(
        (await deal(batches, epoch)).flatMap(({ label, pixels }) => {
          const original = originalPixels(data, label);
          if (pixels.join() === original.join()) return [];
          expect(pixels).toEqual(view(original, { dx: 0, dy: 0, flip: true }));
          return [label];
        }),
      );
    const first = await mirrored(0);
    expect(first.size).toBeGreaterThan(30);
    expect(first.size).toBeLessThan(70);
    expect(await mirrored(1)).toEqual(
      new Set([...data.labels].filter((label) => !first.has(label))),
    );
    expect(await mirrored(2)).toEqual(first);
  });
});

describe("mixup", () => {
  const data = dataset(20);
  const augment = { crop: 1, flip: true };
  const options = { ...plain, augment: { ...augment, mixup: 1 } };

  /** Shares of an epoch's batches. Checks every image against the two that it is mixed of. */
  async function shares(epoch: number, from = 0): Promise<number[]> {
    using mixing = new Batches(data, options);
    using others = new Batches(data, { ...options, augment });
    const unmixed = await deal(others, epoch, from);
    let first = 0;
    return (await collect(epochOf(mixing, epoch, from))).map(
      ({ images, labels, partners, share }) => {
        const size = labels.length;
        labels.forEach((label, i) => {
          const own = unmixed[first + i]!;
          const other = unmixed[first + ((i + size - 1) % size)]!;
          expect([label, partners[i]]).toEqual([own.label, other.label]);
          own.pixels.forEach((pixel, place) => {
            const expected = share * pixel + (1 - share) * other.pixels[place]!;
            expect(images[i * imageSize + place]).toBeCloseTo(expected, 2);
          });
        });
        first += size;
        return share;
      },
    );
  }

  async function* epochOf(batches: Batches, epoch: number, from: number) {
    for await (const { images, labels, mixed } of batches.epoch(epoch, { from })) {
      yield {
        images: images.numbers(),
        labels: labels!.numbers(),
        partners: mixed!.labels!.numbers(),
        share: mixed!.share,
      };
    }
  }

  test("mixes each image with another of its batch, by a share for the whole batch", async () => {
    const [first, second] = [await shares(0), await shares(1)];
    expect(new Set([...first, ...second]).size).toBe(10);
    expect([...first, ...second].every((share) => share > 0 && share < 1)).toBe(true);
    expect(await shares(0)).toEqual(first);
    expect(await shares(0, 2)).toEqual(first.slice(2));
  });

  test("leaves no tensor behind", async () => {
    using batches = new Batches(data, options);
    const before = liveTensors();
    for await (const _ of batches.epoch(0)) expect(liveTensors()).toBe(before + 3);
    expect(liveTensors()).toBe(before);
  });
});

describe("images that memory does not hold", () => {
  const data = dataset(11);
  const augment = { crop: 1, flip: true, mixup: 0.5 };
  const options = { ...plain, mean: [0.1], std: [0.2], augment };

  test("make the same batches, bit by bit, as those that it holds", async () => {
    using resident = new Batches(data, options);
    using read = new Batches(streamed(data), options);
    const bits = async (batches: Batches) => {
      const all: unknown[] = [];
      for await (const { images, labels, size } of batches.epoch(1, { from: 1 })) {
        all.push([images.toBytes(), labels!.numbers(), size]);
      }
      return all;
    };
    expect(await bits(read)).toEqual(await bits(resident));
    expect(await collect(hostBatches(streamed(data), plain))).toEqual(
      await collect(hostBatches(data, plain)),
    );
  });

  test("are read a few batches ahead, and not all at once", async () => {
    let asked = 0;
    const read = (at: Int32Array) => {
      asked++;
      return data.read(at);
    };
    const counted = { ...streamed(data), read };
    using batches = new Batches(counted, { ...plain, batch: 1 });
    let used = 0;
    for await (const _ of batches.epoch(0)) {
      expect(asked).toBeGreaterThan(used++);
      expect(asked).toBeLessThanOrEqual(used + 4);
    }
    expect([asked, used]).toEqual([11, 11]);
  });

  test("end the epoch where one cannot be read, in its turn", async () => {
    const broken = async (at: Int32Array) => {
      if (at.includes(3)) throw new DataError("no image");
      return data.read(at);
    };
    using batches = new Batches({ ...streamed(data), read: broken }, { ...plain, batch: 2 });
    const before = liveTensors();
    let used = 0;
    const reading = async () => {
      for await (const { labels } of batches.epoch(0)) {
        expect(labels!.numbers()).not.toContain(3);
        used++;
      }
    };
    await expect(reading()).rejects.toThrow(DataError);
    expect(used).toBeLessThan(6);
    expect(liveTensors()).toBe(before);
  });

  test("may have no labels, mixed or not", async () => {
    const { labels: _, classes: __, ...unlabelled } = data;
    using batches = new Batches(unlabelled, options);
    for await (const batch of batches.epoch(0)) {
      expect(Object.keys(batch).sort()).toEqual(["images", "mixed", "size"]);
      expect(batch.mixed).toEqual({ share: expect.any(Number) });
    }
    const [host] = await collect(hostBatches(unlabelled, plain));
    expect(Object.keys(host!).sort()).toEqual(["images", "size"]);
  });
});

test("position tables hold sources inside the image only", async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(8),
      (h, w, c) => {
        const crop = Math.min(c, h - 1, w - 1);
        const { rows, columns } = positionTables({ height: h, width: w }, { crop, flip: true });
        expect(rows).toHaveLength((2 * crop + 1) * h);
        expect(columns).toHaveLength(2 * (2 * crop + 1) * w);
        expect(rows.every((row) => row >= 0 && row < h * w && row % w === 0)).toBe(true);
        expect(columns.every((column) => column >= 0 && column < w)).toBe(true);
      },
    ),
  );
});

test("an image's crop does not depend on the number of images before it in the batch", async () => {
  const plan = (epoch: number, count: number) =>
    planEpoch({ seed: 5, epoch }, { count, augment: { crop: 4, flip: true } });
  expect(plan(2, 40).rows).toEqual(plan(2, 50).rows.slice(0, 40));
  expect(new Set(plan(2, 50).order).size).toBe(50);
  expect(plan(2, 50).rows).not.toEqual(plan(3, 50).rows);
});

describe("normalisation", () => {
  const options = { batch: 3, seed: 0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

  test("takes a single number for all channels", async () => {
    const data = dataset(2);
    const [one] = await collect(hostBatches(data, { ...options, mean: [0.5], std: [0.25] }));
    const same = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
    const [three] = await collect(hostBatches(data, { ...options, ...same }));
    expect(one!.images).toEqual(three!.images);
  });

  test("is (p / 255 - mean) / std", async () => {
    const data = dataset(1);
    const [batch] = await collect(hostBatches(data, options));
    const values = toFloat32(batch!.images);
    const place = height * width + 7;
    const expected = (data.pixels[place]! / 255 - 0.456) / 0.224;
    expect(values[place]).toBeCloseTo(expected, 5);
  });

  test("gives the host and the device the same bits, in order", async () => {
    const data = dataset(8);
    using batches = new Batches(data, options);
    const host = await collect(hostBatches(data, { ...options, batch: 8 }));
    const values = host[0]!.images.data;
    const size = values.length / 8;
    for await (const { images, labels } of batches.epoch(0)) {
      const expected = labels!.numbers().map((at) => values.subarray(at * size, (at + 1) * size));
      expect(Buffer.compare(images.toBytes(), Buffer.concat(expected))).toBe(0);
    }
    const three = await collect(hostBatches(data, options));
    expect(three.map((batch) => batch.size)).toEqual([3, 3, 2]);
    expect(three.flatMap(({ labels }) => [...labels!])).toEqual([...data.labels]);
    expect(Buffer.concat(three.map(({ images }) => images.data))).toEqual(Buffer.from(values));
  });
});

describe("tensors", () => {
  test("are freed: batches when the next is asked for, the data set on disposal", async () => {
    const before = liveTensors();
    const augment = { crop: 1, flip: true };
    const batches = new Batches(dataset(10), { ...plain, augment });
    const resident = liveTensors();
    let previous: Tensor | undefined;
    for await (const batch of batches.epoch(0)) {
      expect(previous?.isDisposed ?? true).toBe(true);
      expect(liveTensors()).toBe(resident + 2);
      previous = batch.images;
    }
    for await (const _ of batches.epoch(1)) break;
    expect(liveTensors()).toBe(resident);
    batches.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("of the data set outlive the scope that they were made in", async () => {
    const batches = scope(() => new Batches(dataset(4), plain));
    expect(await deal(batches, 0)).toHaveLength(4);
    batches.dispose();
  });
});

test.each([
  [
    "two means for three channels",
    { ...plain, mean: [0, 0] },
    /^--mean: expected 3 numbers, one for each channel/,
  ],
  ["a mean that is no number", { ...plain, mean: [0, Number.NaN, 0] }, /^--mean: expected 3/],
  [
    "a deviation of zero",
    { ...plain, std: [1, 0, 1] },
    /^--std: expected 3 positive numbers, .* received 1,0,1$/,
  ],
  ["no deviation", { ...plain, std: [] }, /received none$/],
  [
    "a batch of none",
    { ...plain, batch: 0 },
    /^--batch-size: expected a batch of at least 1 image for /,
  ],
  [
    "a batch that never fills",
    { ...plain, batch: 3, dropLast: true },
    /^--batch-size: .* of 1 to 2 .*received 3$/,
  ],
  [
    "half a batch",
    { ...plain, batch: 2.5 },
    /^--batch-size: expected a batch of at least 1 image for /,
  ],
  [
    "a crop as large as the image",
    { ...plain, augment: { crop: 5, flip: false } },
    /^--crop: expected 0 to 4 pixels.*received 5$/,
  ],
  [
    "a negative mixup",
    { ...plain, augment: { crop: 0, flip: false, mixup: -1 } },
    /^--mixup: .*received -1$/,
  ],
  ["a negative crop", { ...plain, augment: { crop: -1, flip: false } }, /^--crop: .*received -1$/],
])("%s is refused", (_, options, cause) => {
  expect(() => new Batches(dataset(2), options)).toThrow(UsageError);
  expect(() => new Batches(dataset(2), options)).toThrow(cause);
});

test("figures for pixels from 0 to 255 are refused with those that are meant", () => {
  const whole = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
  expect(() => assertForUnitPixels(whole)).toThrow(UsageError);
  expect(() => assertForUnitPixels(whole)).toThrow(
    "expected --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225, received --mean 123.675,116.28,103.53 --std 58.395,",
  );
  expect(() => assertForUnitPixels({ mean: [127.5], std: [] })).toThrow("--mean 0.5, received");
  assertForUnitPixels({ mean: [0.4076, 0.458, 0.485], std: [1 / 255] });
  assertForUnitPixels({ mean: [-1, 1], std: [1, 2.5] });
});
