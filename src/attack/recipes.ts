// What a pirate tries: every method with every optimizer at several rates. The rates of an optimizer are a factor of
// four apart around those that are usual for it.
import type { Graph } from "../graph/graph.ts";
import { layerWeights } from "../graph/roles.ts";
import { AdamW, type Optimizer, type Tensor } from "../torch/index.ts";
import { optimizersFor } from "../train/index.ts";
import { type PirateOptimizer, pirateOptimizers } from "./names.ts";

/** One way to train. */
export interface Recipe {
  readonly method: string;
  readonly optimizer: PirateOptimizer;
  /** Highest of the schedule, which falls linearly to 0. */
  readonly learningRate: number;
}

/** What the grid is limited to; everything by default. */
export interface GridOptions {
  readonly methods?: readonly string[];
  readonly optimizers?: readonly PirateOptimizer[];
  /** In place of each optimizer's own. */
  readonly learningRates?: readonly number[];
}

const usualRates: Readonly<Record<PirateOptimizer, readonly number[]>> = {
  sgd: [0.0125, 0.05, 0.2],
  adamw: [0.0005, 0.002, 0.008],
  muon: [0.01, 0.04, 0.16],
};

const decayOfAdamW = 0.05;

/** All recipes for these methods. */
export function grid(methods: readonly string[], options: GridOptions): Recipe[] {
  const { optimizers = pirateOptimizers, learningRates } = options;
  return methods.flatMap((method) =>
    optimizers.flatMap((optimizer) =>
      (learningRates ?? usualRates[optimizer]).map((learningRate) => ({
        ...{ method, optimizer, learningRate },
      })),
    ),
  );
}

/** The optimizers of a recipe for parameters of a graph. Muon leaves what no batch norm follows to AdamW. */
export function optimizersOf(
  { optimizer, learningRate }: Pick<Recipe, "optimizer" | "learningRate">,
  {
    graph,
    parameters,
  }: {
    readonly graph: Graph;
    readonly parameters: ReadonlyMap<string, Tensor>;
  },
): Optimizer[] {
  if (optimizer !== "adamw") {
    return optimizersFor(graph, parameters, { optimizer, learningRate });
  }
  const decaying = layerWeights(graph);
  const part = (decays: boolean) =>
    new Map([...parameters].filter(([name]) => decaying.has(name) === decays));
  return [
    new AdamW([
      { parameters: part(true), learningRate, weightDecay: decayOfAdamW },
      { parameters: part(false), learningRate },
    ]),
  ];
}
