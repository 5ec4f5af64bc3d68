// A side of bench/workers.ts: steps of the chain of ResNet-56 by seven on its share of every batch, and sums over the
// workers. Arguments: f32 or bf16, number of threads.
import { Network, type Precision } from "../src/engine/index.ts";
import {
  crossEntropy,
  meanOverWorkers,
  randn,
  scope,
  setThreads,
  tensor,
  workers,
  zeros,
} from "../src/torch/index.ts";
import { Learner, optimizersFor } from "../src/train/index.ts";
import { Group } from "../src/workers/group.ts";
import { serve } from "./contestant.ts";
import { chain, classes } from "./workersChain.ts";

const batch = 256;

const [precision, threads] = process.argv.slice(2) as [Precision, string];
const group = await Group.meet();
setThreads(Number(threads));
await group.join();
const graph = chain();
const network = new Network(graph, { trainable: true, precision });
const { parameters, buffers } = network;
const optimizers = optimizersFor(graph, parameters, { learningRate: 0.01 });
const learner = new Learner({ parameters, buffers, optimizers });
const size = batch / workers().size;
const images = randn([size, 3, 32, 32]);
const labels = tensor(BigInt64Array.from({ length: size }, (_, index) => BigInt(index % classes)));

function step(): void {
  scope(() => {
    const { logits } = network.forward({ images }, { training: true });
    const loss = crossEntropy(logits!, labels);
    learner.zeroGrad();
    learner.backward(loss, [loss]);
    learner.step(1);
  });
}

/** "20" asks for steps, "sum 1000 20" for sums of so many floats. */
function workOf(request: string): readonly [work: () => void, times: number] {
  const [, floats, sums] = /^sum (\d+) (\d+)$/.exec(request) ?? [];
  if (floats === undefined) return [step, Number(request)];
  return [() => scope(() => void meanOverWorkers(zeros([Number(floats)]))), Number(sums)];
}

for (let warm = 0; warm < 3; warm++) step();
await serve((request) => {
  const [work, times] = workOf(request);
  return Array.from({ length: times }, () => {
    const start = performance.now();
    work();
    return (performance.now() - start) / 1000;
  });
});
process.exit();
