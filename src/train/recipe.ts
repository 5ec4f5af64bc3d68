// The recipe of every training here: Muon for convolutions, which batch norm follows, AdamW for the rest
// (https://kellerjordan.github.io/posts/muon/). Neither sees the scale of a loss or of features.
import { AdamW, Muon, type Optimizer, SGD, type Tensor } from "../torch/index.ts";

export interface RecipeOptions {
  readonly precision: "f32" | "bf16";
  /** Learning rate of Muon, before the schedule. */
  readonly learningRate?: number;
  /** Muon by default. */
  readonly optimizer?: OptimizerName;
  /** Images a step, which the learning rate of `sgd` follows; 256 by default. */
  readonly batchSize?: number;
}

export type OptimizerName = "muon" | "sgd";

const defaultLearningRate = 0.24;

/** Learning rate of AdamW over that of Muon, whose steps are spread over all weights of a filter. */
const adamShare = 0.05;
const tuningLearningRate = 0.001;
const betas = [0.9, 0.95] as const;

/** Learning rate where none is given. That of `sgd` grows with the batch (Goyal et al. 2017, arXiv 1706.02677). */
export function learningRateOf({
  optimizer,
  batchSize = 256,
}: Pick<RecipeOptions, "optimizer" | "batchSize">): number {
  return optimizer === "sgd" ? (0.2 * batchSize) / 256 : defaultLearningRate;
}

/** Optimizers for these parameters: weights with four axes are convolutions. */
export function recipe(
  parameters: ReadonlyMap<string, Tensor>,
  options: RecipeOptions,
): Optimizer[] {
  const { optimizer, precision, learningRate = learningRateOf(options) } = options;
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
