// DenseNet-BC for small images: Huang, Liu, van der Maaten, Weinberger, "Densely connected
// convolutional networks", CVPR 2017, section 3 and table 2 (https://arxiv.org/abs/1608.06993).
import { UsageError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { finishModel, type ModelOptions, startModel } from "./options.ts";

export interface DensenetOptions extends ModelOptions {
  /** Number of layers with weights: 6 n + 4 for n bottleneck layers a block. */
  readonly depth: number;
  /** Channels that each layer adds. */
  readonly growth?: number;
}

/** What both transitions leave a pixel of. */
const leastSide = 4;

/**
 * Three dense blocks with bottlenecks; transitions halve the channels and the size. Throws UsageError on images that
 * are too small to be halved twice.
 */
export function densenet({
  depth,
  growth = 12,
  shape = [3, 32, 32],
  ...options
}: DensenetOptions): Graph {
  const layers = (depth - 4) / 6;
  if (!Number.isInteger(layers) || layers < 1) {
    throw new RangeError(`a DenseNet-BC's depth must be 10, 16, 22, ..., but is ${depth}`);
  }
  const [, height, width] = shape;
  if (Math.min(height, width) < leastSide) {
    throw new UsageError(
      `DenseNet: expected images of ${leastSide}×${leastSide} pixels or more, received ${height}×${width}: ` +
        "take another architecture, such as resnet20",
    );
  }
  const { build, image } = startModel(`densenet${depth}`, { shape, ...options });
  let x = build.conv(image, { name: "conv0", outputs: 2 * growth, kernel: 3, padding: 1 });
  for (let block = 1; block <= 3; block++) {
    for (let layer = 1; layer <= layers; layer++) {
      x = denseLayer(build, x, { name: `denseblock${block}.denselayer${layer}`, growth });
    }
    if (block < 3) x = transition(build, x, `transition${block}`);
  }
  const features = build.relu(build.batchNorm(x, { name: "norm5" }));
  return finishModel(build, { features, name: "classifier", classes: options.classes });
}

function denseLayer(
  build: GraphBuilder,
  x: string,
  { name, growth }: { name: string; growth: number },
): string {
  const first = build.relu(build.batchNorm(x, { name: `${name}.norm1` }));
  const narrow = build.conv(first, { name: `${name}.conv1`, outputs: 4 * growth, kernel: 1 });
  const second = build.relu(build.batchNorm(narrow, { name: `${name}.norm2` }));
  const options = { name: `${name}.conv2`, outputs: growth, kernel: 3, padding: 1 };
  return build.concat([x, build.conv(second, options)], { name });
}

function transition(build: GraphBuilder, x: string, name: string): string {
  const active = build.relu(build.batchNorm(x, { name: `${name}.norm` }));
  const outputs = Math.floor(build.shape(x)[1]! / 2);
  const half = build.conv(active, { name: `${name}.conv`, outputs, kernel: 1 });
  return build.averagePool(half, { kernel: 2 });
}
