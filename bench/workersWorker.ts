// A side of bench/workers.ts: steps of the chain of ResNet-56 by seven on its share of every batch, and sums over the
// workers. Arguments: f32 or bf16, number of threads.
import { Network, type Precision } from "../src/engine/index.ts";
import { GraphBuilder } from "../src/graph/builder.ts";
import type { Graph } from "../src/graph/graph.ts";
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

const batch = 256;

/** 32p 96 96p 192 192 192 64, of which p is a max pooling before batch norm: docs/recipe.md. */
function chain(): Graph {
  const build = new GraphBuilder();
  let x = build.input("images", ["N", 3, 32, 32]);
  for (const [index, outputs] of [32, 96, 96, 192, 192, 192, 64].entries()) {
    x = build.conv(x, { name: `conv${index}`, outputs, kernel: 3, padding: 1 });
    if (index === 0 || index === 2) x = build.maxPool(x, { kernel: 2, stride: 2 });
    x = build.relu(build.batchNorm(x, { name: `norm${index}` }));
  }
  const pooled = build.flatten(build.globalAveragePool(x));
  build.output(build.linear(pooled, { name: "linear", outputs: 10 }), "logits");
  return build.build();
}

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
const labels = tensor(BigInt64Array.from({ length: size }, (_, index) => BigInt(index % 10)));

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
