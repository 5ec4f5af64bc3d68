// Our side of bench/overhead.ts: calls of operators so small that what surrounds them is all they cost.
import {
  add,
  conv2d,
  ones,
  parameter,
  relu,
  scope,
  setThreads,
  type Tensor,
} from "../src/torch/index.ts";
import { serve } from "./contestant.ts";

setThreads(1);
const a = ones([8]);
const b = ones([8]);
const trained = parameter(ones([8]));
const image = ones([1, 3, 8, 8]);
const weight = ones([4, 3, 3, 3]);
const trainedWeight = parameter(weight);

const cases: Record<string, () => Tensor> = {
  add: () => add(a, b),
  addWithGradient: () => add(trained, b),
  relu: () => relu(a),
  reluWithGradient: () => relu(trained),
  conv: () => conv2d(image, weight, { padding: [1, 1] }),
  convWithGradient: () => conv2d(image, trainedWeight, { padding: [1, 1] }),
};

/** About as many as a training step makes before its scope frees them. */
const callsInScope = 100;

await serve((request) => {
  const [name = "", count] = request.split(" ");
  const call = cases[name];
  if (!call) throw new Error(`no case named ${name}`);
  const start = performance.now();
  for (let left = Number(count); left > 0; left -= callsInScope) {
    scope(() => {
      for (let i = Math.min(left, callsInScope); i > 0; i--) call();
    });
  }
  return [(performance.now() - start) / 1000 / Number(count)];
});
