// The recipe of every training here: Muon for convolutions, which batch norm follows, AdamW for the rest
// (https://kellerjordan.github.io/posts/muon/). Neither sees the scale of a loss or of features.
import { AdamW, Muon, type Optimizer, SGD, type Tensor } from "../torch/index.ts";

export interface RecipeOptions {
  readonly precision: "f32" | "bf16";
  /** Learning rate of Muon, or of SGD, before the schedule. */
  readonly learningRate: number;
  /** Muon by default. */
  readonly optimizer?: OptimizerName;
}

export type OptimizerName = "muon" | "sgd";

/** That of cifar10-airbench (airbench94_muon.py), which takes 200 steps of it. */
const learningRateOfFewSteps = 0.24;
const fewSteps = 200;

/** Learning rate of AdamW over that of Muon, whose steps are spread over all weights of a filter. */
const adamShare = 0.05;
const tuningLearningRate = 0.001;
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

/** Optimizers for these parameters: weights with four axes are convolutions. */
export function recipe(
  parameters: ReadonlyMap<string, Tensor>,
  options: RecipeOptions,
): Optimizer[] {
  const { optimizer, precision, learningRate } = options;
  if (optimizer === "sgd") return [sgdRecipe(parameters, learningRate)];
  const isConvolution = ([, { shape }]: readonly [string, Tensor]) => shape.length === 4;
  const entries = [...parameters];
  const convolutions = new Map(entries.filter(isConvolution));
  const rest = new Map(entries.filter((entry) => !isConvolution(entry)));
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  return [
    new Muon([{ parameters: convolutions, learningRate }], { dtype }),
    new AdamW([{ parameters: rest, learningRate: learningRate * adamShare }], { betas }),
  ];
}

/** For a trained classifier that is tuned: small steps. */
export function tuningRecipe(parameters: ReadonlyMap<string, Tensor>): Optimizer {
  return new AdamW([{ parameters, learningRate: tuningLearningRate }], { betas });
}

/** SGD for all parameters, to compare Muon with; the weights of layers decay, biases and batch norms do not. */
function sgdRecipe(parameters: ReadonlyMap<string, Tensor>, learningRate: number): Optimizer {
  const isWeight = ({ shape }: Tensor) => shape.length === 4 || shape.length === 2;
  const weights = new Map([...parameters].filter(([, each]) => isWeight(each)));
  const rest = new Map([...parameters].filter(([, each]) => !isWeight(each)));
  const groups = [
    { parameters: weights, learningRate, weightDecay: 5e-4 },
    { parameters: rest, learningRate },
  ];
  return new SGD(groups, { momentum: 0.9, nesterov: true });
}
