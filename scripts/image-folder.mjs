// Writes a part of a data set as an image folder, enlarged: large images for a run beyond 32×32.
//
//     node scripts/image-folder.mjs DATA OUT [--size 224] [--train 200] [--test 50]
//
// Takes the first so many images of every class, which become JPEG files.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { loadData } from "../dist/data/index.js";
import { fail } from "./process.mjs";

/** @typedef {import("../src/data/index.ts").Dataset} Dataset */

const { values: options, positionals } = parseArgs({
  options: {
    size: { type: "string", default: "224" },
    train: { type: "string", default: "200" },
    test: { type: "string", default: "50" },
  },
  allowPositionals: true,
});
const [notation, out] = positionals;
if (!notation || !out) fail("usage: image-folder.mjs DATA OUT [--size N] [--train N] [--test N]");

const size = Number(options.size);
const data = await loadData(notation);
await write(data.train, join(out, "train"), Number(options.train));
await write(data.test, join(out, "test"), Number(options.test));

/**
 * @param {Dataset} dataset
 * @param {string} folder
 * @param {number} count of every class
 */
async function write({ read, labels = new Int32Array(), shape, classes = [] }, folder, count) {
  for (const name of classes) mkdirSync(join(folder, name), { recursive: true });
  const written = classes.map(() => 0);
  for (const [i, label] of labels.entries()) {
    const number = written[label] ?? 0;
    if (number === count) continue;
    written[label] = number + 1;
    const image = interleaved(await read(Int32Array.of(i)), shape);
    await sharp(image.data, { raw: image.raw })
      .resize(size, size)
      .jpeg({ quality: 90 })
      .toFile(join(folder, classes[label] ?? "", `${number}.jpg`));
  }
}

/**
 * @param {Uint8Array} planar
 * @param {Dataset["shape"]} shape
 */
function interleaved(planar, [channels, height, width]) {
  const area = height * width;
  const data = Uint8Array.from(
    planar,
    (_, i) => planar[(i % channels) * area + Math.floor(i / channels)] ?? 0,
  );
  return {
    data,
    raw: {
      width,
      height,
      channels: channels === 1 ? /** @type {const} */ (1) : /** @type {const} */ (3),
    },
  };
}
