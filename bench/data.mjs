// Time to make a batch of CIFAR-10 size (crop of 4 pixels, flip, normalisation), and its share of a
// training step: node bench/data.mjs [STEP_MS_AT_BATCH_64]. Prints JSON. Without a step time, that of
// 950 images/s is taken.

import { Batches } from "../dist/data/batches.js";
import { median } from "../dist/runtime/index.js";
import { libtorchVersion, setThreads } from "../dist/torch/index.js";

const stepMs = Number(process.argv[2] ?? (64 / 950) * 1000);
const count = 50_000;
const cifar = {
  name: "made-up images",
  images: Uint8Array.from({ length: count * 3072 }, (_, index) => Math.imul(index, 40503) >>> 8),
  labels: Int32Array.from({ length: count }, (_, index) => index % 10),
  shape: [3, 32, 32],
  classes: Array.from({ length: 10 }, (_, index) => String(index)),
};

function measure({ batch, threads, channelsLast }) {
  setThreads(threads);
  const options = { batch, seed: 1, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], channelsLast };
  const batches = new Batches(cifar, { ...options, augment: { crop: 4, flip: true } });
  const plan = performance.now();
  const epoch = batches.epoch(0);
  epoch.next();
  const epochStartMs = performance.now() - plan;
  const times = [];
  for (let start = performance.now(); times.length < 200 && !epoch.next().done; ) {
    const end = performance.now();
    times.push(end - start);
    start = end;
  }
  epoch.return();
  batches.dispose();
  const msPerBatch = median(times);
  const amortized = msPerBatch + epochStartMs / batches.length;
  return {
    batch,
    threads,
    channelsLast,
    msPerBatch,
    epochStartMs,
    shareOfStep: amortized / ((stepMs * batch) / 64),
  };
}

const results = [64, 512].flatMap((batch) =>
  [1, 2].flatMap((threads) =>
    [false, true].map((channelsLast) => measure({ batch, threads, channelsLast })),
  ),
);
console.log(
  JSON.stringify({ libtorch: libtorchVersion(), stepMsAtBatch64: stepMs, results }, null, 2),
);
