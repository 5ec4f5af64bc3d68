// Images from elsewhere beside those of the task: the original says of them what it says of any image, so that a
// chain learns its function from more of them (function matching, Beyer et al. 2022, arXiv 2106.05237).
import { assertShape, type Dataset, inMemory, noLabel } from "./dataset.ts";

/**
 * A data set with other images behind its own, which have no label whatever their folders say. Throws DataError where
 * they have another shape.
 */
export function withExtra(own: Dataset, extra: Dataset): Dataset {
  assertShape(extra, own.shape);
  const { name, shape, classes } = own;
  const count = own.count + extra.count;
  const labels =
    own.labels && Int32Array.from({ length: count }, (_, i) => own.labels![i] ?? noLabel);
  const known = { name, shape, ...(classes && { classes }), ...(labels && { labels }) };
  if (own.pixels && extra.pixels) {
    return inMemory({ ...known, pixels: Buffer.concat([own.pixels, extra.pixels]) });
  }
  return { ...known, count, read: (indices) => readBoth(own, extra, indices) };
}

async function readBoth(own: Dataset, extra: Dataset, indices: Int32Array): Promise<Uint8Array> {
  const isOwn = (index: number) => index < own.count;
  const [ours, others] = await Promise.all([
    own.read(indices.filter(isOwn)),
    extra.read(indices.filter((index) => !isOwn(index)).map((index) => index - own.count)),
  ]);
  const size = (ours.length + others.length) / indices.length;
  const images = new Uint8Array(ours.length + others.length);
  let [nextOwn, nextOther] = [0, 0];
  indices.forEach((index, place) => {
    const from = isOwn(index) ? ours : others;
    const start = (isOwn(index) ? nextOwn++ : nextOther++) * size;
    images.set(from.subarray(start, start + size), place * size);
  });
  return images;
}
