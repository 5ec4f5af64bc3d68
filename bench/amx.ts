// Time of single convolutions in bfloat16, forward and backward: libtorch's own beside those that the engine takes on
// processors with AMX (native/amx.cc).
import { Conv } from "../src/engine/ops/convolution.ts";
import { operator, parameter, randn, setThreads, type Tensor } from "../src/torch/index.ts";
import { compareConvolutions } from "./oneConvolution.ts";
import { readOptions } from "./options.ts";
import { report } from "./report.ts";

const batch = 256;
/** Input channels, output channels, height or width of the input, and stride of a 3×3 kernel. */
const shapes = [
  [3, 32, 32, 1],
  [16, 16, 32, 1],
  [32, 32, 16, 1],
  [64, 64, 8, 1],
  [32, 64, 32, 1],
  [64, 112, 16, 1],
  [176, 176, 8, 1],
  [64, 64, 32, 1],
  [128, 128, 16, 1],
  [256, 256, 8, 1],
  [512, 512, 4, 1],
  [512, 512, 2, 1],
  [64, 128, 32, 2],
  [256, 512, 8, 2],
  [64, 64, 56, 1],
  [256, 256, 14, 1],
] as const;

const options = readOptions({ rounds: 5 });
setThreads(options.threads);

const convolution = operator("aten::convolution");

const results = shapes.map(([inputs, outputs, size, stride]) => {
  const image = randn([batch, inputs, size, size]);
  const weight = randn([outputs, inputs, 3, 3]);
  const tensors: [Tensor, Tensor] = [
    parameter(image.to({ dtype: "bfloat16", memoryFormat: "channelsLast" })),
    parameter(weight.to({ dtype: "bfloat16" })),
  ];
  const strides = [stride, stride];
  const compared = compareConvolutions(
    {
      libtorch: (...inputs) =>
        convolution(...inputs, null, strides, [1, 1], [1, 1], false, [0, 0], 1),
      ours: (...inputs) => Conv(inputs, { strides, pads: [1, 1, 1, 1] }, { device: "cpu" }),
    },
    tensors,
    options.rounds,
  );
  for (const each of [image, weight, ...tensors]) each.dispose();
  return { inputs, outputs, size, stride, ...compared };
});
report("amx", options, { batch, results });
