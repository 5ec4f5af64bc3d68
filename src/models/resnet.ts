// ResNet: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016
// (https://arxiv.org/abs/1512.03385): those for small images of section 4.2, and ResNet-18 of table 1.
import { ints } from "../graph/attributes.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { fromNumbers } from "../graph/tensorData.ts";
import { finishModel, isSmall, type ModelOptions, startModel } from "./options.ts";

export interface ResnetOptions extends ModelOptions {
  /** Number of layers with weights: 6 n + 2 for n blocks a stage. */
  readonly depth: number;
  /** Channels of the three stages. */
  readonly widths?: readonly number[];
}

/** A residual network for small images: basic blocks in stages, each but the first at half the size. */
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
      const name = `layer${stage + 1}.${block}`;
      x = basicBlock(build, x, { name, outputs, stride, shortcut: subsample });
    }
  });
  return finishModel(build, { features: x, name: "fc", classes: options.classes });
}

/**
 * ResNet-18, laid out as in torchvision: shortcuts that change the size are convolutions. For small images the stem
 * is a 3×3 convolution that keeps their size.
 */
export function resnet18({ shape = [3, 224, 224], ...options }: ModelOptions = {}): Graph {
  const { build, image } = startModel("resnet18", { shape, ...options });
  const small = isSmall(shape);
  const window = small ? { kernel: 3, stride: 1 } : { kernel: 7, stride: 2 };
  const stem = { conv: "conv1", norm: "bn1", outputs: 64, ...window };
  let x = build.relu(convolution(build, image, stem));
  if (!small) x = build.maxPool(x, { kernel: 3, stride: 2, padding: 1 });
  [64, 128, 256, 512].forEach((outputs, stage) => {
    for (const block of [0, 1]) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${block}`;
      x = basicBlock(build, x, { name, outputs, stride, shortcut: projection });
    }
  });
  return finishModel(build, { features: x, name: "fc", classes: options.classes });
}

interface Block {
  readonly name: string;
  readonly outputs: number;
  readonly stride: number;
}

function basicBlock(
  build: GraphBuilder,
  x: string,
  { shortcut, ...block }: Block & { shortcut: typeof subsample },
): string {
  const { name, outputs, stride } = block;
  const names = (index: number) => ({ conv: `${name}.conv${index}`, norm: `${name}.bn${index}` });
  const first = build.relu(convolution(build, x, { ...names(1), outputs, stride }));
  const second = convolution(build, first, { ...names(2), outputs, stride: 1 });
  const sum = build.add(second, shortcut(build, x, block), { name: `${name}.add` });
  return build.relu(sum, { name });
}

function convolution(
  build: GraphBuilder,
  x: string,
  {
    conv,
    norm,
    kernel = 3,
    ...sizes
  }: { conv: string; norm: string; outputs: number; stride: number; kernel?: number },
): string {
  const padding = (kernel - 1) / 2;
  return build.batchNorm(build.conv(x, { name: conv, kernel, padding, ...sizes }), { name: norm });
}

/** A shortcut without parameters (option A): every second pixel where the size halves, zeros for new channels. */
function subsample(build: GraphBuilder, x: string, { name, outputs, stride }: Block): string {
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

/** A shortcut that is a 1×1 convolution where the shape changes (option B). */
function projection(build: GraphBuilder, x: string, { name, outputs, stride }: Block): string {
  if (stride === 1 && build.shape(x)[1] === outputs) return x;
  const names = { conv: `${name}.downsample.0`, norm: `${name}.downsample.1` };
  return convolution(build, x, { ...names, outputs, stride, kernel: 1 });
}
