// Our side of the training benchmarks: steps of the reference chain through graph, engine and optimizer.
// Arguments: f32 or bf16, number of threads.
import { Network, type Precision } from "../src/engine/index.ts";
import { GraphBuilder } from "../src/graph/builder.ts";
import type { Graph } from "../src/graph/graph.ts";
import {
  backward,
  crossEntropy,
  manualSeed,
  randn,
  SGD,
  scope,
  setThreads,
  type Tensor,
  tensor,
} from "../src/torch/index.ts";
import { serve } from "./contestant.ts";

const batch = 64;

/** 64-64-128/2-128-256/2: convolutions of 3x3 with batch norm and ReLU, pooling, linear. */
function referenceChain(): Graph {
  const build = new GraphBuilder();
  let x = build.input("images", ["N", 3, 32, 32]);
  for (const [index, [outputs, stride]] of (
    [
      [64, 1],
      [64, 1],
      [128, 2],
      [128, 1],
      [256, 2],
    ] as const
  ).entries()) {
    x = build.conv(x, { name: `conv${index}`, outputs, kernel: 3, stride, padding: 1 });
    x = build.relu(build.batchNorm(x, { name: `norm${index}` }));
  }
  const pooled = build.flatten(build.globalAveragePool(x));
  build.output(build.linear(pooled, { name: "linear", outputs: 10 }), "logits");
  return build.build();
}

const [precision, threads] = process.argv.slice(2);
setThreads(Number(threads));
manualSeed(1);
const network = new Network(referenceChain(), {
  trainable: true,
  precision: precision as Precision,
});
const optimizer = new SGD([{ parameters: network.parameters, learningRate: 0.1 }], {
  momentum: 0.9,
});
const images = randn([batch, 3, 32, 32]);
const labels = tensor(BigInt64Array.from({ length: batch }, (_, index) => BigInt(index % 10)));

function step(): void {
  scope(() => {
    const { logits } = network.forward({ images }, { training: true });
    optimizer.zeroGrad();
    backward(crossEntropy(logits as Tensor, labels));
    optimizer.step();
  });
}

for (let warm = 0; warm < 3; warm++) step();
await serve((request) =>
  Array.from({ length: Number(request) }, () => {
    const start = performance.now();
    step();
    return (performance.now() - start) / 1000;
  }),
);
