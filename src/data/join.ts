// The images of two data sets of one shape as those of one.
import { type Dataset, inMemory } from "./dataset.ts";

/**
 * The images of both, in their order, under what is known of them together; channels are in the order of the first's. In
 * memory where both are.
 */
export function joinImages<Known extends Pick<Dataset, "name" | "labels" | "classes">>(
  first: Dataset,
  second: Dataset,
  names: Known,
): Known & Dataset {
  const { shape, channelOrder } = first;
  const turned =
    first.turned || second.turned ? Buffer.concat([marks(first), marks(second)]) : undefined;
  const known = {
    ...names,
    shape,
    ...(channelOrder && { channelOrder }),
    ...(turned && { turned }),
  };
  if (first.pixels && second.pixels) {
    return inMemory({ ...known, pixels: Buffer.concat([first.pixels, second.pixels]) });
  }
  const count = first.count + second.count;
  return { ...known, count, read: (indices) => readBoth(first, second, indices) };
}

function marks({ turned, count }: Dataset): Uint8Array {
  return turned ?? new Uint8Array(count);
}

async function readBoth(first: Dataset, second: Dataset, indices: Int32Array): Promise<Uint8Array> {
  const isFirst = (index: number) => index < first.count;
  const [ones, others] = await Promise.all([
    first.read(indices.filter(isFirst)),
    second.read(indices.filter((index) => !isFirst(index)).map((index) => index - first.count)),
  ]);
  const size = (ones.length + others.length) / indices.length;
  const images = new Uint8Array(ones.length + others.length);
  let [nextOne, nextOther] = [0, 0];
  indices.forEach((index, place) => {
    const from = isFirst(index) ? ones : others;
    const start = (isFirst(index) ? nextOne++ : nextOther++) * size;
    images.set(from.subarray(start, start + size), place * size);
  });
  return images;
}
