// The simulation network: a plain chain of convolutions, each with batch normalization and an
// activation. Where a layer pools, it does so before the normalization, as in cifar10-airbench
// (https://github.com/KellerJordan/cifar10-airbench): the normalization then sees fewer pixels.
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { fromNumbers } from "../graph/tensorData.ts";
import { type ModelOptions, startModel } from "./options.ts";

/** A convolution and what follows it; pairs are [height, width]. */
export interface Layer {
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  /** 2x2 max pooling between convolution and normalization. */
  readonly pool: boolean;
  readonly activation: Activation;
}

export type Activation = keyof typeof activations;

/** Linear convolutions that stand with the others while these learn: parallel, or stacked before them. */
export const overparameterizations = ["none", "branches", "stacked"] as const;
export type Overparameterization = (typeof overparameterizations)[number];

/** A chain from images to a feature map, its output "features"; a classifier can be composed on top. */
export function sequential(layers: readonly Layer[], options: ModelOptions = {}): Graph {
  const { build, image } = startModel("sequential", options);
  build.output(appendLayers(build, image, { layers, first: 1 }), "features");
  return build.build();
}

/**
 * Adds layers to a graph under construction, numbered from `first`; gives the name of their result.
 * Over-parameterized, they have 1x1 convolutions, `branch<i>` beside or `stacked<i>` before `conv<i>`.
 */
export function appendLayers(
  build: GraphBuilder,
  x: string,
  options: {
    layers: readonly Layer[];
    first: number;
    overparameterized?: Overparameterization;
  },
): string {
  const { layers, first, overparameterized = "none" } = options;
  return layers.reduce((before, layer, index) => {
    const { pool, activation, ...window } = layer;
    const number = first + index;
    let result = before;
    if (overparameterized === "stacked") {
      const channels = build.shape(before)[1]!;
      result = build.conv(before, { name: `stacked${number}`, outputs: channels, kernel: 1 });
    }
    result = build.conv(result, { name: `conv${number}`, ...window });
    if (overparameterized === "branches" && takesBranch(layer)) {
      const { outputs, stride } = layer;
      const one = { name: `branch${number}`, outputs, kernel: 1, stride };
      result = build.add(result, build.conv(before, one));
    }
    if (pool) result = build.maxPool(result, { kernel: 2 });
    result = build.batchNorm(result, { name: `bn${number}` });
    return activations[activation](build, result);
  }, x);
}

/** Whether a 1x1 convolution of the same stride reads the pixels under this kernel's centre. */
function takesBranch({ kernel, padding }: Layer): boolean {
  const isCentred = kernel.every((size, axis) => size === 2 * padding[axis]! + 1);
  return isCentred && Math.max(...kernel) >= 3;
}

const activations = {
  none: (_: GraphBuilder, x: string) => x,
  relu: (build: GraphBuilder, x: string) => build.relu(x),
  relu6: (build: GraphBuilder, x: string) =>
    build.node("Clip", [x, number(build, x, 0), number(build, x, 6)]),
  silu: (build: GraphBuilder, x: string) => build.node("Mul", [x, build.node("Sigmoid", [x])]),
  hardSwish: (build: GraphBuilder, x: string) => build.node("HardSwish", [x]),
  gelu: (build: GraphBuilder, x: string) => {
    const error = build.node("Erf", [build.node("Mul", [x, number(build, x, Math.SQRT1_2)])]);
    const weight = build.node("Add", [error, number(build, x, 1)]);
    return build.node("Mul", [build.node("Mul", [x, number(build, x, 0.5)]), weight]);
  },
};

function number(build: GraphBuilder, x: string, value: number): string {
  return build.initializer(`${x}.${value}`, fromNumbers("float32", [], [value]));
}
