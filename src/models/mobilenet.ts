// MobileNetV2: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: inverted residuals and linear bottlenecks",
// CVPR 2018, table 2 (https://arxiv.org/abs/1801.04381), laid out as in torchvision.
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { fromNumbers } from "../graph/tensorData.ts";
import { finishModel, isSmall, type ModelOptions, startModel } from "./options.ts";

/** Columns of table 2: expansion factor, channels, blocks, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2 of full width. Small images keep their size in the stem and in the second stage. */
export function mobilenet({ shape = [3, 224, 224], ...options }: ModelOptions = {}): Graph {
  const { build, image } = startModel("mobilenet", { shape, ...options });
  const kept = isSmall(shape) ? 1 : 2;
  let x = unit(build, image, { name: "stem", outputs: 32, kernel: 3, stride: kept });
  stages.forEach(([expansion, outputs, blocks, first], stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = block > 0 ? 1 : stage === 1 ? kept : first;
      const name = `stage${stage + 1}.${block}`;
      x = invertedResidual(build, x, { name, expansion, outputs, stride });
    }
  });
  x = unit(build, x, { name: "last", outputs: 1280, kernel: 1 });
  return finishModel(build, { features: x, name: "fc", classes: options.classes });
}

/** Wide inside, narrow and linear at both ends, which the shortcut joins where they have one shape. */
function invertedResidual(
  build: GraphBuilder,
  x: string,
  block: { name: string; expansion: number; outputs: number; stride: number },
): string {
  const { name, expansion, outputs, stride } = block;
  const inputs = build.shape(x)[1]!;
  const hidden = inputs * expansion;
  const wide =
    expansion === 1 ? x : unit(build, x, { name: `${name}.expand`, outputs: hidden, kernel: 1 });
  const depthwise = { outputs: hidden, kernel: 3, stride, groups: hidden };
  const filtered = unit(build, wide, { name: `${name}.depthwise`, ...depthwise });
  const project = { name: `${name}.project`, outputs, kernel: 1, isLinear: true };
  const narrow = unit(build, filtered, project);
  return stride === 1 && inputs === outputs ? build.add(x, narrow, { name }) : narrow;
}

interface Unit {
  readonly name: string;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly isLinear?: boolean;
}

/** Convolution, batch norm, and ReLU6 but where it is linear. */
function unit(build: GraphBuilder, x: string, { isLinear, ...options }: Unit): string {
  const padding = (options.kernel - 1) / 2;
  const convolution = build.conv(x, { ...options, name: `${options.name}.conv`, padding });
  const normalized = build.batchNorm(convolution, { name: `${options.name}.norm` });
  return isLinear ? normalized : relu6(build, normalized, options.name);
}

function relu6(build: GraphBuilder, x: string, name: string): string {
  const bound = (end: string, value: number) =>
    build.initializer(`${name}.${end}`, fromNumbers("float32", [], [value]));
  return build.node("Clip", [x, bound("least", 0), bound("most", 6)], { name: `${name}.relu6` });
}
