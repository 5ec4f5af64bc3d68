import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planEpoch, positionTables } from "../../src/data/augmentation.ts";
import { Batches } from "../../src/data/batches.ts";
import { holeTable } from "../../src/data/cutout.ts";
import type { Dataset } from "../../src/data/index.ts";
import { hostBatches } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { liveTensors, operator, scope, type Tensor } from "../../src/torch/index.ts";

const [channels, height, width] = [3, 5, 6];
const imageSize = channels * height * width;

/** `count` images of pseudo-random pixels; an image's label is its place. */
function dataset(count: number): Dataset {
  return {
    name: "test images",
    images: Uint8Array.from(
      { length: count * imageSize },
      (_, i) => Math.imul(i, 2654435761) >>> 24,
    ),
    labels: Int32Array.from({ length: count }, (_, index) => index),
    shape: [channels, height, width],
    classes: Array.from({ length: count }, (_, index) => String(index)),
  };
}

const plain = { batch: 4, seed: 1, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };

/** Everything an epoch deals out: label and rounded pixels of each image. */
function deal(batches: Batches, epoch: number, from = 0) {
  const images: { label: number; pixels: number[] }[] = [];
  for (const batch of batches.epoch(epoch, { from })) {
    const pixels = batch.images.numbers().map(Math.round);
    batch.labels.numbers().forEach((label, index) => {
      images.push({ label, pixels: pixels.slice(index * imageSize, (index + 1) * imageSize) });
    });
  }
  return images;
}

function originalPixels({ images }: Dataset, label: number): number[] {
  return [...images.subarray(label * imageSize, (label + 1) * imageSize)];
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
  test("shows every image once, unchanged without augmentation, in an order of its own", () => {
    const data = dataset(10);
    using batches = new Batches(data, plain);
    expect(batches.length).toBe(3);
    const [first, second] = [deal(batches, 0), deal(batches, 1)];
    for (const images of [first, second]) {
      expect(images.map(({ label }) => label).sort()).toEqual([...data.labels]);
      for (const { label, pixels } of images) expect(pixels).toEqual(originalPixels(data, label));
    }
    expect(first.map(({ label }) => label)).not.toEqual(second.map(({ label }) => label));
  });

  test("is the same for the same seed, whatever came before, and can be entered anywhere", () => {
    const options = { ...plain, augment: { crop: 2, flip: true, cutout: 2 } };
    using batches = new Batches(dataset(10), options);
    using again = new Batches(dataset(10), options);
    using other = new Batches(dataset(10), { ...options, seed: 2 });
    const third = deal(batches, 3);
    deal(again, 0);
    for (const batch of again.inOrder()) expect(batch.size).toBeGreaterThan(0);
    expect(deal(again, 3)).toEqual(third);
    expect(deal(again, 3, 1)).toEqual(third.slice(4));
    expect(deal(other, 3)).not.toEqual(third);
  });

  test("may leave out what does not fill a batch", () => {
    using batches = new Batches(dataset(10), { ...plain, dropLast: true });
    expect(batches.length).toBe(2);
    expect(deal(batches, 0)).toHaveLength(8);
  });

  test("shifts by at most `crop` with reflected edges, every offset alike", () => {
    const data = dataset(200);
    const crop = 2;
    using batches = new Batches(data, { ...plain, batch: 64, augment: { crop, flip: true } });
    const offsets = new Map<string, number>();
    for (const { label, pixels } of deal(batches, 0)) {
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

  test("mirrors about half of the images, and the others in the next epoch", () => {
    const data = dataset(100);
    using batches = new Batches(data, { ...plain, augment: { crop: 0, flip: true } });
    const mirrored = (epoch: number) =>
      new Set(
        deal(batches, epoch).flatMap(({ label, pixels }) => {
          const original = originalPixels(data, label);
          if (pixels.join() === original.join()) return [];
          expect(pixels).toEqual(view(original, { dx: 0, dy: 0, flip: true }));
          return [label];
        }),
      );
    const first = mirrored(0);
    expect(first.size).toBeGreaterThan(30);
    expect(first.size).toBeLessThan(70);
    expect(mirrored(1)).toEqual(new Set([...data.labels].filter((label) => !first.has(label))));
    expect(mirrored(2)).toEqual(first);
  });
});

describe("cutout", () => {
  test.each([
    [
      1,
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    ],
    [
      2,
      [
        [1, 0, 0],
        [1, 1, 0],
        [0, 1, 1],
      ],
    ],
    [
      3,
      [
        [1, 1, 0],
        [1, 1, 1],
        [0, 1, 1],
      ],
    ],
  ])("of %d pixels covers the centre, and what lies inside of the rest", (hole, rows) => {
    expect([...holeTable(3, hole)]).toEqual(rows.flat());
  });

  test("sets the square to the mean in all channels, at places of its own in every epoch", () => {
    const data = dataset(60);
    const [mean, std] = [
      [0.5, 0.25, 0.75],
      [1, 1, 1],
    ];
    const options = { ...plain, mean, std, batch: 16 };
    const hole = 3;
    using batches = new Batches(data, {
      ...options,
      augment: { crop: 0, flip: false, cutout: hole },
    });
    const centers = (epoch: number) => {
      const found = new Map<number, string>();
      for (const { images, labels } of batches.epoch(epoch)) {
        const values = images.numbers();
        labels.numbers().forEach((label, i) => {
          const shown = values.slice(i * imageSize, (i + 1) * imageSize);
          const normal = originalPixels(data, label).map(
            (pixel, place) => pixel / 255 - mean[Math.floor(place / (height * width))]!,
          );
          const cut = (row: number, column: number) =>
            normal.map((value, place) => {
              const x = place % width;
              const y = Math.floor(place / width) % height;
              return Math.abs(x - column) <= 1 && Math.abs(y - row) <= 1 ? 0 : value;
            });
          const close = (expected: number[]) =>
            expected.every((value, place) => Math.abs(value - shown[place]!) < 1e-6);
          const places = Array.from({ length: height * width }, (_, place) => place);
          const match = places.find((p) => close(cut(Math.floor(p / width), p % width)));
          expect(match).toBeDefined();
          found.set(label, `${match}`);
        });
      }
      return found;
    };
    const [first, second] = [centers(0), centers(1)];
    expect(first.size).toBe(60);
    // 60 draws of 30 places leave about 30 exp(-2) = 4 of them out.
    expect(new Set(first.values()).size).toBeGreaterThan(20);
    expect(second).not.toEqual(first);
    expect(centers(0)).toEqual(first);
  });

  test("leaves order, crops and flips as they are", () => {
    const augment = { crop: 1, flip: true };
    const images = { count: 30, height, width };
    const plan = (cutout: number) =>
      planEpoch({ seed: 1, epoch: 2 }, { ...images, augment: { ...augment, cutout } });
    const { holeRows, holeColumns, ...rest } = plan(2);
    expect(plan(0)).toMatchObject(rest);
    expect(Math.max(...holeRows)).toBe(height - 1);
    expect(Math.max(...holeColumns)).toBe(width - 1);
  });
});

describe("mixup", () => {
  const data = dataset(20);
  const augment = { crop: 1, flip: true };
  const options = { ...plain, augment: { ...augment, mixup: 1 } };

  /** Shares of an epoch's batches. Checks every image against the two that it is mixed of. */
  function shares(epoch: number, from = 0): number[] {
    using mixing = new Batches(data, options);
    using others = new Batches(data, { ...options, augment });
    const unmixed = deal(others, epoch, from);
    let first = 0;
    return [...epochOf(mixing, epoch, from)].map(({ images, labels, partners, share }) => {
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
    });
  }

  function* epochOf(batches: Batches, epoch: number, from: number) {
    for (const { images, labels, mixed } of batches.epoch(epoch, { from })) {
      yield {
        ...{ images: images.numbers(), labels: labels.numbers() },
        ...{ partners: mixed!.labels.numbers(), share: mixed!.share },
      };
    }
  }

  test("mixes each image with another of its batch, by a share for the whole batch", () => {
    const [first, second] = [shares(0), shares(1)];
    expect(new Set([...first, ...second]).size).toBe(10);
    expect([...first, ...second].every((share) => share > 0 && share < 1)).toBe(true);
    expect(shares(0)).toEqual(first);
    expect(shares(0, 2)).toEqual(first.slice(2));
  });

  test("leaves no tensor behind", () => {
    using batches = new Batches(data, options);
    const before = liveTensors();
    for (const _ of batches.epoch(0)) expect(liveTensors()).toBe(before + 3);
    expect(liveTensors()).toBe(before);
  });
});

test("position tables hold sources inside the image only", () => {
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

test("an image's crop does not depend on the number of images before it in the batch", () => {
  const plan = (epoch: number, count: number) =>
    planEpoch({ seed: 5, epoch }, { count, height, width, augment: { crop: 4, flip: true } });
  expect(plan(2, 40).rows).toEqual(plan(2, 50).rows.slice(0, 40));
  expect(new Set(plan(2, 50).order).size).toBe(50);
  expect(plan(2, 50).rows).not.toEqual(plan(3, 50).rows);
});

describe("normalisation", () => {
  const options = { batch: 3, seed: 0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

  test("takes a single number for all channels", () => {
    const data = dataset(2);
    const [one] = hostBatches(data, { ...options, mean: [0.5], std: [0.25] });
    const same = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
    const [three] = hostBatches(data, { ...options, ...same });
    expect(one!.images).toEqual(three!.images);
  });

  test("is (p / 255 - mean) / std", () => {
    const data = dataset(1);
    const [batch] = hostBatches(data, options);
    const values = toFloat32(batch!.images);
    const place = height * width + 7;
    const expected = (data.images[place]! / 255 - 0.456) / 0.224;
    expect(values[place]).toBeCloseTo(expected, 5);
  });

  test("takes one number for all channels", () => {
    const one = [...hostBatches(dataset(2), { batch: 2, mean: [0.5], std: [0.25] })];
    const each = { batch: 2, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
    expect(one).toEqual([...hostBatches(dataset(2), each)]);
  });

  test("gives the host and the device the same bits, in order", () => {
    const data = dataset(8);
    using batches = new Batches(data, options);
    const host = [...hostBatches(data, options)];
    let index = 0;
    for (const batch of batches.inOrder()) {
      const { images, labels, size } = host[index++]!;
      expect(batch.size).toBe(size);
      expect(batch.images.shape).toEqual(images.shape);
      expect(batch.labels.numbers()).toEqual([...labels]);
      expect(Buffer.compare(batch.images.toBytes(), images.data)).toBe(0);
    }
    expect(index).toBe(3);
    expect(host.map(({ size }) => size)).toEqual([3, 3, 2]);
  });

  test("can put channels innermost without changing values", () => {
    using contiguous = new Batches(dataset(3), options);
    using channelsLast = new Batches(dataset(3), { ...options, channelsLast: true });
    const first = (batches: Batches, read: (images: Tensor) => number[]) => {
      for (const { images } of batches.epoch(0)) return read(images);
      return [];
    };
    const values = first(contiguous, (images) => images.numbers());
    expect(first(channelsLast, (images) => images.numbers())).toEqual(values);
    const inMemory = first(channelsLast, (images) => asStrided(images, [3], [1]).numbers());
    expect(inMemory).toEqual([0, 1, 2].map((plane) => values[plane * height * width]));
  });
});

const asStrided = operator("aten::as_strided");

describe("tensors", () => {
  test("are freed: batches when the next is asked for, the data set on disposal", () => {
    const before = liveTensors();
    const augment = { crop: 1, flip: true, cutout: 2 };
    const batches = new Batches(dataset(10), { ...plain, augment });
    const resident = liveTensors();
    let previous: Tensor | undefined;
    for (const batch of batches.epoch(0)) {
      expect(previous?.isDisposed ?? true).toBe(true);
      expect(liveTensors()).toBe(resident + 2);
      previous = batch.images;
    }
    for (const _ of batches.epoch(1)) break;
    scope(() => {
      for (const batch of batches.inOrder()) expect(batch.size).toBeGreaterThan(0);
    });
    expect(liveTensors()).toBe(resident);
    batches.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("of the data set outlive the scope that they were made in", () => {
    const batches = scope(() => new Batches(dataset(4), plain));
    expect(deal(batches, 0)).toHaveLength(4);
    batches.dispose();
  });
});

test.each([
  ["two means for three channels", { ...plain, mean: [0, 0] }, /expected 3 numbers as mean/],
  ["a mean that is no number", { ...plain, mean: [0, Number.NaN, 0] }, /as mean/],
  [
    "a deviation of zero",
    { ...plain, std: [1, 0, 1] },
    /expected 3 positive numbers as std.*got 1,0,1/,
  ],
  ["no deviation", { ...plain, std: [] }, /got none/],
  ["a batch of none", { ...plain, batch: 0 }, /batch of at least 1/],
  ["a batch that never fills", { ...plain, batch: 3, dropLast: true }, /batch of 1 to 2 .*got 3/],
  ["half a batch", { ...plain, batch: 2.5 }, /batch of at least 1/],
  [
    "a crop as large as the image",
    { ...plain, augment: { crop: 5, flip: false } },
    /crop of 0 to 4 pixels.*got 5/,
  ],
  [
    "a hole larger than the image",
    { ...plain, augment: { crop: 0, flip: false, cutout: 6 } },
    /cutout of 0 to 5 pixels.*got 6/,
  ],
  ["a negative mixup", { ...plain, augment: { crop: 0, flip: false, mixup: -1 } }, /mixup, got -1/],
  ["half a pixel cut out", { ...plain, augment: { crop: 0, flip: false, cutout: 0.5 } }, /got 0.5/],
  ["a negative crop", { ...plain, augment: { crop: -1, flip: false } }, /got -1/],
])("%s is refused", (_, options, cause) => {
  expect(() => new Batches(dataset(2), options)).toThrow(UsageError);
  expect(() => new Batches(dataset(2), options)).toThrow(cause);
});
