// Writes a part of a data set as an image folder, enlarged: large images for a run beyond 32×32.
//
//     npm run image-folder -- DATA OUT [--size 224] [--train 200] [--test 50]
//
// Takes the first so many images of every class, which become JPEG files.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { type Dataset, loadData } from "../src/data/index.ts";

const { values: options, positionals } = parseArgs({
  options: {
    size: { type: "string", default: "224" },
    train: { type: "string", default: "200" },
    test: { type: "string", default: "50" },
  },
  allowPositionals: true,
});
const [notation, out] = positionals;
if (!notation || !out)
  throw new Error("expected DATA and OUT: DATA OUT [--size N] [--train N] [--test N]");

const size = Number(options.size);
const data = await loadData(notation);
await write(data.train, join(out, "train"), Number(options.train));
await write(data.test, join(out, "test"), Number(options.test));

/** Writes the first `count` images of every class. */
async function write(
  { read, labels = new Int32Array(), shape, classes = [] }: Dataset,
  folder: string,
  count: number,
): Promise<void> {
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

/** A planar image as sharp takes it. */
function interleaved(planar: Uint8Array, [channels, height, width]: Dataset["shape"]) {
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
      channels: channels === 1 ? (1 as const) : (3 as const),
    },
  };
}
