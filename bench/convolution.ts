// Time of single 3×3 convolutions in float32, forward and backward: libtorch's own beside native/winograd.cc,
// which the engine takes from 16 or 48 channels on (src/engine/ops/convolution.ts).
import {
  grad,
  operator,
  parameter,
  randn,
  scope,
  setThreads,
  type Tensor,
} from "../src/torch/index.ts";
import { median, readOptions, report, round } from "./report.ts";

const batch = 512;
/** Channels, as many out as in, and height or width. */
const shapes = [
  [16, 32],
  [32, 16],
  [48, 16],
  [64, 8],
  [96, 8],
  [208, 8],
  [384, 4],
] as const;

const options = readOptions({ rounds: 7 });
setThreads(options.threads);

const convolution = operator("aten::convolution");
const winograd = operator("deepobf::winograd");
const ones = [1, 1] as const;

const contestants: Readonly<Record<string, (x: Tensor, weight: Tensor) => Tensor>> = {
  libtorch: (x, weight) => convolution(x, weight, null, ones, ones, ones, false, [0, 0], 1),
  winograd: (x, weight) => winograd(x, weight, null),
};

/** Milliseconds of a convolution with the gradients of its input and its weight. */
function timeOf(convolve: (x: Tensor, weight: Tensor) => Tensor, inputs: [Tensor, Tensor]): number {
  const start = performance.now();
  scope(() => {
    const y = convolve(...inputs);
    grad([y], inputs, [y.detach()]);
  });
  return performance.now() - start;
}

const results = shapes.map(([channels, size]) => {
  const image = randn([batch, channels, size, size]).to({ memoryFormat: "channelsLast" });
  const inputs: [Tensor, Tensor] = [parameter(image), parameter(randn([channels, channels, 3, 3]))];
  const times = Array.from({ length: options.rounds + 1 }, () =>
    Object.values(contestants).map((convolve) => timeOf(convolve, inputs)),
  ).slice(1); // the first round prepares
  const [libtorch, ours] = [0, 1].map((i) => round(median(times.map((each) => each[i]!))));
  for (const input of inputs) input.dispose();
  return { channels, size, milliseconds: { libtorch, ours } };
});
report("convolution", options, { batch, results });
