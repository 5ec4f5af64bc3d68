// The recipe of every training here: Muon for convolutions, which batch norm follows, SGD with Nesterov
// momentum for the rest, as in cifar10-airbench (https://github.com/KellerJordan/cifar10-airbench).
import { Muon, type Optimizer, SGD, type Tensor } from "../torch/index.ts";

export interface RecipeOptions {
  readonly precision: "f32" | "bf16";
  /** Learning rate of Muon, before the schedule; that of SGD is in proportion. */
  readonly learningRate?: number;
}

export const defaultLearningRate = 0.24;

const sgdShare = 0.05 / defaultLearningRate;

/** Optimizers for these parameters: weights with four axes are convolutions. */
export function recipe(
  parameters: ReadonlyMap<string, Tensor>,
  { precision, learningRate = defaultLearningRate }: RecipeOptions,
): Optimizer[] {
  const isConvolution = ([, { shape }]: readonly [string, Tensor]) => shape.length === 4;
  const entries = [...parameters];
  const convolutions = new Map(entries.filter(isConvolution));
  const rest = new Map(entries.filter((entry) => !isConvolution(entry)));
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  return [
    new Muon([{ parameters: convolutions, learningRate }], { dtype }),
    new SGD([{ parameters: rest, learningRate: learningRate * sgdShare }], {
      momentum: 0.85,
      nesterov: true,
    }),
  ];
}
