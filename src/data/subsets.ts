// Parts of a data set: images that are held out, and samples.

import { UsageError } from "../errors.ts";
import { randomBits, uniform } from "../graph/random.ts";
import { type Data, type Dataset, imageBytes, inMemory } from "./dataset.ts";

/**
 * Holds out `count` training images, drawn at random, the same in every run: they take the place of the
 * test images, which are then not looked at. The same data where `count` is 0. Throws UsageError where
 * nothing is left to train on.
 */
export function holdOut(data: Data, count: number): Data {
  if (count === 0) return data;
  const { train } = data;
  const rest = train.count - count;
  if (!Number.isInteger(count) || count < 0 || rest < 1) {
    throw new UsageError(
      `--hold-out: expected a whole number from 0 to ${train.count - 1}, so that some of the ` +
        `images of ${train.name} are left to train on, received ${count}`,
    );
  }
  const drawn = permutation(randomBits({ seed: 0, name: "hold-out" }, train.count));
  return {
    ...data,
    train: select(train, drawn.subarray(count).sort(), train.name),
    test: select(train, drawn.subarray(0, count).sort(), `${train.name} (held out)`),
  };
}

/** The images at the given places, with labels where all have some; those in memory are copied. */
export function select<D extends Dataset>(dataset: D, indices: Int32Array, name: string): D {
  const { shape, channelOrder, turned, labels, classes, hasFixedClasses, pixels } = dataset;
  const known = {
    name,
    shape,
    ...(channelOrder && { channelOrder }),
    ...(turned && { turned: Uint8Array.from(indices, (index) => turned[index]!) }),
    ...(classes && { classes }),
    ...(hasFixedClasses && { hasFixedClasses }),
    ...(labels && { labels: indices.map((index) => labels[index]!) }),
  };
  const read = (places: Int32Array) => dataset.read(places.map((place) => indices[place]!));
  const chosen: Dataset = pixels
    ? inMemory({ ...known, pixels: copyImages(pixels, indices, imageBytes(dataset)) })
    : { ...known, count: indices.length, read };
  return chosen as D;
}

function copyImages(pixels: Uint8Array, indices: Int32Array, size: number): Uint8Array {
  const copied = new Uint8Array(indices.length * size);
  indices.forEach((from, to) => {
    copied.set(pixels.subarray(from * size, (from + 1) * size), to * size);
  });
  return copied;
}

/**
 * At most so many images from all over a data set, the same in every run: one is drawn from each of as many parts in a
 * row. So all classes are in it, whether they lie one after another or take turns.
 */
export function sampleOf<D extends Dataset>(dataset: D, most: number): D {
  const count = Math.min(most, dataset.count);
  const start = (part: number) => Math.floor((part * dataset.count) / count);
  const drawn = uniform({ seed: 0, name: "sample" }, count);
  const indices = Int32Array.from(drawn, (share, part) => {
    const first = start(part);
    return first + Math.floor(share * (start(part + 1) - first));
  });
  return select(dataset, indices, dataset.name);
}

/** Random order of 0 ... n - 1 from n random 32-bit integers (Fisher and Yates' shuffle). */
export function permutation(bits: Uint32Array): Int32Array {
  const order = Int32Array.from(bits, (_, index) => index);
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor((bits[last]! / 2 ** 32) * (last + 1));
    const moved = order[last]!;
    order[last] = order[other]!;
    order[other] = moved;
  }
  return order;
}
