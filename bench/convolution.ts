// Time of single 3×3 convolutions in float32, forward and backward: libtorch's own beside native/winograd.cc,
// which the engine takes from 16 or 48 channels on (src/engine/ops/convolution.ts).
import { operator, parameter, randn, setThreads } from "../src/torch/index.ts";
import { compareConvolutions } from "./oneConvolution.ts";
import { readOptions } from "./options.ts";
import { report } from "./report.ts";

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

const results = shapes.map(([channels, size]) => {
  const image = randn([batch, channels, size, size]).to({ memoryFormat: "channelsLast" });
  const weight = parameter(randn([channels, channels, 3, 3]));
  const { milliseconds } = compareConvolutions(
    {
      libtorch: (...inputs) => convolution(...inputs, null, ones, ones, ones, false, [0, 0], 1),
      ours: (...inputs) => winograd(...inputs, null),
    },
    [parameter(image), weight],
    options.rounds,
  );
  for (const each of [image, weight]) each.dispose();
  return { channels, size, milliseconds };
});
report("convolution", options, { batch, results });
