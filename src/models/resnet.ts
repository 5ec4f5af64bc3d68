// ResNet for small images: He, Zhang, Ren, Sun, "Deep residual learning for image recognition",
// CVPR 2016, section 4.2 (https://arxiv.org/abs/1512.03385). Shortcuts have no parameters (option A):
// where the size halves they take every second pixel and fill new channels with zeros.
import { ints } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { fromNumbers } from "../graph/tensorData.ts";
import { finishModel, type ModelOptions, startModel } from "./options.ts";

export interface ResnetOptions extends ModelOptions {
  /** Number of layers with weights: 6 n + 2 for n blocks a stage. */
  readonly depth: number;
  /** Channels of the three stages. */
  readonly widths?: readonly number[];
}

/** A residual network of basic blocks in stages, each but the first at half the size. */
export function resnet({ depth, widths = [16, 32, 64], ...options }: ResnetOptions): Graph {
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new RangeError(`a ResNet's depth must be 8, 14, 20, ..., but is ${depth}`);
  }
  const { build, image } = startModel(`resnet${depth}`, options);
  let x = convolution(build, image, { conv: "conv1", norm: "bn1", outputs: widths[0]!, stride: 1 });
  x = build.relu(x);
  widths.forEach((outputs, stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = basicBlock(build, x, { name: `layer${stage + 1}.${block}`, outputs, stride });
    }
  });
  return finishModel(build, { features: x, name: "fc", classes: options.classes });
}

function basicBlock(
  build: GraphBuilder,
  x: string,
  { name, outputs, stride }: { name: string; outputs: number; stride: number },
): string {
  const names = (index: number) => ({ conv: `${name}.conv${index}`, norm: `${name}.bn${index}` });
  const first = build.relu(convolution(build, x, { ...names(1), outputs, stride }));
  const second = convolution(build, first, { ...names(2), outputs, stride: 1 });
  const sum = build.add(second, shortcut(build, x, { name, outputs, stride }), {
    name: `${name}.add`,
  });
  return build.relu(sum, { name });
}

function convolution(
  build: GraphBuilder,
  x: string,
  { conv, norm, ...sizes }: { conv: string; norm: string; outputs: number; stride: number },
): string {
  return build.batchNorm(build.conv(x, { name: conv, kernel: 3, padding: 1, ...sizes }), {
    name: norm,
  });
}

function shortcut(
  build: GraphBuilder,
  x: string,
  { name, outputs, stride }: { name: string; outputs: number; stride: number },
): string {
  let result = x;
  if (stride > 1) {
    // Pooling over one pixel takes every second one.
    const attributes = { kernel_shape: ints([1, 1]), strides: ints([stride, stride]) };
    result = build.node("AveragePool", [result], { name: `${name}.subsample`, attributes });
  }
  const missing = outputs - build.shape(x)[1]!;
  if (missing === 0) return result;
  const before = Math.floor(missing / 2);
  const pads = [0, before, 0, 0, 0, missing - before, 0, 0];
  const amounts = build.initializer(`${name}.pads`, fromNumbers("int64", [8], pads));
  return build.node("Pad", [result, amounts], { name: `${name}.pad` });
}
