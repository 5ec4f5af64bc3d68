// GoogLeNet for small images: the inception modules 3a to 5b of Szegedy et al., "Going deeper with
// convolutions", CVPR 2015, table 1 (https://arxiv.org/abs/1409.4842), with batch normalization (Ioffe
// and Szegedy 2015). The stem, which shrinks images of 224 by 8, is one 3x3 convolution and a pooling here,
// so that inception 3a sees half of the image's size; no auxiliary heads.
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { finishModel, type ModelOptions, startModel } from "./options.ts";

/** Columns of table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj; a rule is max pooling. */
const modules = {
  inception3a: [64, 96, 128, 16, 32, 32],
  inception3b: [128, 128, 192, 32, 96, 64],
  maxpool3: "pool",
  inception4a: [192, 96, 208, 16, 48, 64],
  inception4b: [160, 112, 224, 24, 64, 64],
  inception4c: [128, 128, 256, 24, 64, 64],
  inception4d: [112, 144, 288, 32, 64, 64],
  inception4e: [256, 160, 320, 32, 128, 128],
  maxpool4: "pool",
  inception5a: [256, 160, 320, 32, 128, 128],
  inception5b: [384, 192, 384, 48, 128, 128],
} as const;

const halving = { kernel: 3, stride: 2, padding: 1 } as const;

export interface GooglenetOptions extends ModelOptions {
  /** Factor on all numbers of channels. */
  readonly width?: number;
}

/** GoogLeNet with 9 inception modules; width 0.5 has a quarter of the parameters. */
export function googlenet({ width = 1, ...options }: GooglenetOptions = {}): Graph {
  const { build, image } = startModel("googlenet", options);
  const scale = (channels: number) => Math.max(1, Math.round(channels * width));
  let x = unit(build, image, { name: "conv1", outputs: scale(192), kernel: 3 });
  x = build.maxPool(x, halving);
  for (const [name, columns] of Object.entries(modules)) {
    x =
      columns === "pool"
        ? build.maxPool(x, halving)
        : inception(build, x, { name, columns: columns.map(scale) });
  }
  return finishModel(build, { features: x, name: "fc", classes: options.classes });
}

function inception(
  build: GraphBuilder,
  x: string,
  { name, columns }: { name: string; columns: readonly number[] },
): string {
  const branch = (from: string, path: string, kernel: number, column: number) =>
    unit(build, from, { name: `${name}.${path}`, outputs: columns[column]!, kernel });
  const pooled = build.maxPool(x, { kernel: 3, stride: 1, padding: 1 });
  const branches = [
    branch(x, "branch1", 1, 0),
    branch(branch(x, "branch2.0", 1, 1), "branch2.1", 3, 2),
    branch(branch(x, "branch3.0", 1, 3), "branch3.1", 5, 4),
    branch(pooled, "branch4", 1, 5),
  ];
  return build.concat(branches, { name });
}

function unit(
  build: GraphBuilder,
  x: string,
  { name, outputs, kernel }: { name: string; outputs: number; kernel: number },
): string {
  const padding = (kernel - 1) / 2;
  const conv = build.conv(x, { name: `${name}.conv`, outputs, kernel, padding });
  return build.relu(build.batchNorm(conv, { name: `${name}.bn` }));
}
