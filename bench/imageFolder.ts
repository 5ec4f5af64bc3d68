// Training from a folder of photos of 224×224 that memory need not hold: what stays resident, and how fast images
// are read and trained on. The photos are 200 JPEG files under as many names as there are to be images.
import { linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { type Batch, Batches, loadData } from "../src/data/index.ts";
import { Network } from "../src/engine/index.ts";
import { GraphBuilder } from "../src/graph/builder.ts";
import type { Graph } from "../src/graph/graph.ts";
import { normal } from "../src/graph/random.ts";
import { backward, SGD, scope, setThreads } from "../src/torch/index.ts";
import { labelLoss } from "../src/train/index.ts";
import type { BenchOptions } from "./options.ts";
import { report, round } from "./report.ts";

const side = 224;
const classes = 10;
const photos = 200;
const batch = 16;

/** Reads `rounds` batches, then trains on as many. */
export async function measureFolder(count: number, options: BenchOptions): Promise<void> {
  const { rounds, threads } = options;
  setThreads(threads);
  const folder = mkdtempSync(join(tmpdir(), "deepobf-photos-"));
  try {
    await makePhotos(folder, count);
    const opened = performance.now();
    const { train } = await loadData(`images:${folder}`, { shape: [3, side, side] });
    const secondsToOpen = (performance.now() - opened) / 1000;
    using batches = new Batches(train, {
      batch,
      seed: 1,
      mean: [0.5],
      std: [0.25],
      dropLast: true,
      augment: { crop: 14, flip: true },
    });
    const reading = await run(batches, rounds, () => undefined);
    const training = await run(batches, rounds, trainer());
    report("data", options, {
      images: train.count,
      side,
      batch,
      limit: { gibibytes: 4 },
      results: {
        isHeldInMemory: train.pixels !== undefined,
        secondsToOpen: round(secondsToOpen),
        reading,
        training,
        peakGibibytes: round(process.resourceUsage().maxRSS / 2 ** 20),
      },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function makePhotos(folder: string, count: number): Promise<void> {
  const files: string[] = [];
  for (let photo = 0; photo < photos; photo++) {
    const noise = normal({ seed: photo, name: "photo" }, 3 * 14 * 14);
    const pixels = Uint8Array.from(noise, (value) => Math.max(0, Math.min(255, 128 + 60 * value)));
    files.push(join(folder, `.${photo}.jpg`));
    await sharp(pixels, { raw: { width: 14, height: 14, channels: 3 } })
      .resize(side, side)
      .jpeg({ quality: 90 })
      .toFile(files[photo]!);
  }
  for (const [part, images] of [["train", count] as const, ["test", 10 * classes] as const]) {
    for (let label = 0; label < classes; label++) {
      mkdirSync(join(folder, part, String(label)), { recursive: true });
    }
    for (let image = 0; image < images; image++) {
      const path = join(folder, part, String(image % classes), `${image}.jpg`);
      linkSync(files[image % photos]!, path);
    }
  }
}

/** Images a second over so many batches, and what was resident after each quarter of them. */
async function run(batches: Batches, rounds: number, step: (batch: Batch) => void) {
  const residentGibibytes: number[] = [];
  const start = performance.now();
  let done = 0;
  for await (const each of batches.epoch(0)) {
    step(each);
    done++;
    await new Promise(setImmediate);
    if (done % Math.ceil(rounds / 4) === 0) {
      residentGibibytes.push(round(process.memoryUsage.rss() / 2 ** 30));
    }
    if (done === rounds) break;
  }
  const seconds = (performance.now() - start) / 1000;
  return { batches: done, imagesPerSecond: round((done * batch) / seconds), residentGibibytes };
}

/** One step a batch of four convolutions, each of which halves the size. */
function trainer(): (batch: Batch) => void {
  const network = new Network(smallChain(), { trainable: true });
  const optimizer = new SGD([{ parameters: network.parameters, learningRate: 0.01 }]);
  return (batch) =>
    scope(() => {
      const { logits } = network.forward({ images: batch.images }, { training: true });
      optimizer.zeroGrad();
      backward(labelLoss(logits!, batch));
      optimizer.step();
    });
}

function smallChain(): Graph {
  const build = new GraphBuilder();
  let x = build.input("images", ["N", 3, side, side]);
  for (const [index, outputs] of [32, 64, 64, 128].entries()) {
    x = build.conv(x, { name: `conv${index}`, outputs, kernel: 3, stride: 2, padding: 1 });
    x = build.relu(build.batchNorm(x, { name: `norm${index}` }));
  }
  const pooled = build.flatten(build.globalAveragePool(x));
  build.output(build.linear(pooled, { name: "linear", outputs: classes }), "logits");
  return build.build();
}
