// Optimizers by role: Muon for convolutions that batch norm follows, whose scale means nothing, AdamW for the
// rest (https://kellerjordan.github.io/posts/muon/). Neither sees the scale of a loss or of features.
import type { Graph } from "../graph/graph.ts";
import { layerWeights, normalizedConvolutions } from "../graph/roles.ts";
import { AdamW, Muon, type Optimizer, SGD, type Tensor } from "../torch/index.ts";

export interface OptimizerOptions {
  /** Learning rate of Muon, of SGD or of AdamW, before the schedule. */
  readonly learningRate: number;
  /** Muon by default. */
  readonly optimizer?: OptimizerName | "adamw";
}

/** Muon for convolutions that batch norm follows and AdamW for the rest, or SGD for everything. */
export type OptimizerName = "muon" | "sgd";

/** That of cifar10-airbench (airbench94_muon.py), which takes 200 steps of it. */
const learningRateOfFewSteps = 0.24;
const fewSteps = 200;

/** Learning rate of AdamW over that of Muon, whose steps are spread over all weights of a filter. */
const adamShare = 0.05;
const fineTuningLearningRate = 0.001;
const [decayOfSgd, decayOfAdamW] = [5e-4, 0.05];
const betas = [0.9, 0.95] as const;

/**
 * Highest learning rate of a training of so many steps, where none is given. Muon's steps are as long as their
 * rate whatever the gradient is, and so become shorter with the root of their number, as steps of a fixed
 * length in the subgradient method do (Nesterov 2004, Introductory Lectures on Convex Optimization, section
 * 3.2.3); docs/recipe.md has measurements. That of `sgd` grows with the batch instead (Goyal et al. 2017, arXiv
 * 1706.02677). Three digits, as a command shows them.
 */
export function learningRateOf({
  optimizer,
  batchSize,
  steps,
}: {
  readonly optimizer: OptimizerName;
  readonly batchSize: number;
  readonly steps: number;
}): number {
  const rate =
    optimizer === "sgd"
      ? (0.2 * batchSize) / 256
      : learningRateOfFewSteps * Math.min(1, Math.sqrt(fewSteps / steps));
  return Number(rate.toPrecision(3));
}

/**
 * Optimizers for parameters of a graph, by their role in it. Muon pulls a weight to a fixed norm before each
 * step, which only batch norm makes harmless, and leaves the rest to AdamW. Of SGD and AdamW for all parameters the
 * weights of layers decay, biases and norms do not.
 */
export function optimizersFor(
  graph: Graph,
  parameters: ReadonlyMap<string, Tensor>,
  { optimizer = "muon", learningRate }: OptimizerOptions,
): Optimizer[] {
  if (optimizer !== "muon") {
    const [weights, others] = split(parameters, layerWeights(graph));
    const groups = (weightDecay: number) => [
      { parameters: weights, learningRate, weightDecay },
      { parameters: others, learningRate },
    ];
    return optimizer === "adamw"
      ? [new AdamW(groups(decayOfAdamW))]
      : [new SGD(groups(decayOfSgd), { momentum: 0.9, nesterov: true })];
  }
  const [convolutions, rest] = split(parameters, normalizedConvolutions(graph));
  const optimizers: Optimizer[] = [];
  if (convolutions.size > 0) {
    optimizers.push(new Muon([{ parameters: convolutions, learningRate }]));
  }
  const ofAdam = { parameters: rest, learningRate: learningRate * adamShare };
  return [...optimizers, new AdamW([ofAdam], { betas })];
}

/** For a trained classifier that learns on: small steps. */
export function fineTuningOptimizer(parameters: ReadonlyMap<string, Tensor>): Optimizer {
  return new AdamW([{ parameters, learningRate: fineTuningLearningRate }], { betas });
}

/** The parameters of these names, and the others. */
function split(
  parameters: ReadonlyMap<string, Tensor>,
  names: ReadonlySet<string>,
): [Map<string, Tensor>, Map<string, Tensor>] {
  const entries = [...parameters];
  return [
    new Map(entries.filter(([name]) => names.has(name))),
    new Map(entries.filter(([name]) => !names.has(name))),
  ];
}
