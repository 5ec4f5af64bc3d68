// The simulation network: a plain chain of convolutions, each with batch normalization and an
// activation. Where a layer pools, it does so before the normalization, as in cifar10-airbench
// (https://github.com/KellerJordan/cifar10-airbench): the normalization then sees fewer pixels.
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
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

/** None where the original's features are not the result of a ReLU or another that gives no negative value. */
export type Activation = "relu" | "none";

/** Names of the weights of the chain's layers, which are counted from 1. */
export const layerNames = {
  convolution: (layer: number) => `conv${layer}.weight`,
};

/** A chain from images to a feature map, its output "features"; a classifier can be composed on top. */
export function sequential(layers: readonly Layer[], options: ModelOptions = {}): Graph {
  const { build, image } = startModel("sequential", options);
  build.output(appendLayers(build, image, { layers, first: 1 }), "features");
  return build.build();
}

/** Adds layers to a graph under construction, numbered from `first`; gives the name of their result. */
export function appendLayers(
  build: GraphBuilder,
  x: string,
  { layers, first }: { layers: readonly Layer[]; first: number },
): string {
  return layers.reduce((before, { pool, activation, ...window }, index) => {
    const number = first + index;
    let result = build.conv(before, { name: `conv${number}`, ...window });
    if (pool) result = build.maxPool(result, { kernel: 2 });
    result = build.batchNorm(result, { name: `bn${number}` });
    return activation === "relu" ? build.relu(result) : result;
  }, x);
}
