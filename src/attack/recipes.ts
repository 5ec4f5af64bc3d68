// What a pirate tries: every method with every optimizer at several rates, a factor of four apart around the one that
// is usual for it, and further ones where the best is the highest or the lowest.
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

const usualRate: Readonly<Record<PirateOptimizer, number>> = {
  sgd: 0.05,
  adamw: 0.002,
  muon: 0.04,
};

/** From one rate to the next, and the most of them that are tried of a method with an optimizer. */
const step = 4;
const mostRates = 5;

/** All recipes for these methods. */
export function grid(methods: readonly string[], options: GridOptions): Recipe[] {
  const { optimizers = pirateOptimizers, learningRates } = options;
  return methods.flatMap((method) =>
    optimizers.flatMap((optimizer) =>
      (learningRates ?? ratesAround(usualRate[optimizer])).map((learningRate) => ({
        method,
        optimizer,
        learningRate,
      })),
    ),
  );
}

/** The recipe a step beyond the best one where its rate is the highest or lowest of those tried with its optimizer. */
export function beyond(best: Recipe, tried: readonly Recipe[]): Recipe | undefined {
  const { method, optimizer, learningRate } = best;
  const rates = tried
    .filter((recipe) => recipe.method === method && recipe.optimizer === optimizer)
    .map((recipe) => recipe.learningRate);
  if (rates.length === mostRates) return undefined;
  if (learningRate === Math.max(...rates)) return { ...best, learningRate: learningRate * step };
  if (learningRate === Math.min(...rates)) return { ...best, learningRate: learningRate / step };
  return undefined;
}

function ratesAround(usual: number): number[] {
  return [usual / step, usual, usual * step];
}
