// Time to make a batch of 64 CIFAR-10 images (crop of 4 pixels, flip, normalisation), and its share of a training
// step of the reference chain in the fastest precision.
import { median } from "../src/averages.ts";
import { Batches, inMemory } from "../src/data/index.ts";
import { cpuHasBfloat16, setThreads } from "../src/torch/index.ts";
import type { BenchOptions } from "./options.ts";
import { report, round } from "./report.ts";
import { startOurs } from "./training.ts";

const batch = 64;
const count = 50_000;

export async function measureBatches(options: BenchOptions): Promise<void> {
  const { rounds, threads } = options;
  setThreads(threads);
  using batches = new Batches(madeUpImages(), {
    batch,
    seed: 1,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    augment: { crop: 4, flip: true },
  });
  const training = await startOurs(cpuHasBfloat16() ? "bf16" : "f32", threads);
  const times: [batch: number, step: number][] = [];
  await epochOfBatches(batches, 0);
  for (let turn = 1; turn <= rounds; turn++) {
    const { seconds } = await training.ask("10");
    times.push([await epochOfBatches(batches, turn), median(seconds) * 1000]);
  }
  training.close();
  report("data", options, {
    batch,
    limit: { shareOfStep: 0.05 },
    results: {
      millisecondsPerBatch: round(median(times.map(([batch]) => batch))),
      millisecondsPerStep: round(median(times.map(([, step]) => step))),
      shareOfStep: round(median(times.map(([batch, step]) => batch / step))),
    },
  });
}

function madeUpImages() {
  return inMemory({
    name: "made-up images",
    pixels: Uint8Array.from({ length: count * 3072 }, (_, index) => Math.imul(index, 40503) >>> 8),
    labels: Int32Array.from({ length: count }, (_, index) => index % 10),
    shape: [3, 32, 32],
    classes: Array.from({ length: 10 }, (_, index) => String(index)),
  });
}

/** Milliseconds a batch over a whole epoch, its shuffling included. */
async function epochOfBatches(batches: Batches, epoch: number): Promise<number> {
  const start = performance.now();
  let made = 0;
  for await (const _ of batches.epoch(epoch)) made++;
  return (performance.now() - start) / made;
}
