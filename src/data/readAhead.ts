// Reads images while others are in use, within a bound of memory.

import { type Dataset, imageBytes } from "./dataset.ts";

/** Bytes of pixels that may wait for use, where a single list of images takes no more. */
const mostBytes = 256 * 2 ** 20;

const mostLists = 4;

/**
 * Pixels of the images at each list of places, in the lists' order. The next lists are read while the
 * caller works on one. Throws what `read` throws, when it is that list's turn.
 */
export async function* readAhead(
  dataset: Dataset,
  lists: Iterable<Int32Array>,
): AsyncGenerator<Uint8Array> {
  const reading: Promise<Uint8Array>[] = [];
  for (const list of lists) {
    const pixels = dataset.read(list);
    pixels.catch(() => undefined); // the failure is thrown in its turn, or not at all
    reading.push(pixels);
    const fitting = Math.floor(mostBytes / (list.length * imageBytes(dataset)));
    if (reading.length > Math.min(mostLists, fitting)) yield await reading.shift()!;
  }
  for (const pixels of reading) yield await pixels;
}

/** The places 0 ... count - 1 in lists of `size`; the last may be shorter. */
export function* inLists(count: number, size: number): Generator<Int32Array> {
  for (let start = 0; start < count; start += size) {
    yield Int32Array.from({ length: Math.min(size, count - start) }, (_, i) => start + i);
  }
}
