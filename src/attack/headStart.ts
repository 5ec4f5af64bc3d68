// What the stolen file is worth: how much better the pirate is with it than from random weights.
import { deviation, mean } from "../averages.ts";

/** The four starting points. */
export const arms = ["original", "obfuscated", "original-scratch", "obfuscated-scratch"] as const;

export type ArmName = (typeof arms)[number];

interface Start {
  /** The file whose weights, or whose architecture alone, an arm starts from. */
  readonly file: "original" | "obfuscated";
  /** Whether it starts from random weights. */
  readonly isScratch: boolean;
}

export const armTable: Readonly<Record<ArmName, Start>> = {
  original: { file: "original", isScratch: false },
  obfuscated: { file: "obfuscated", isScratch: false },
  "original-scratch": { file: "original", isScratch: true },
  "obfuscated-scratch": { file: "obfuscated", isScratch: true },
};

/** What the best recipe of a method reached from one starting point with one budget. */
export interface Arm {
  readonly arm: ArmName;
  readonly method: string;
  readonly budget: number;
  /** On the test images, one a seed; 0 where the training diverged. */
  readonly accuracies: readonly number[];
  readonly mean: number;
  /** Standard deviation over the seeds (n - 1); null of a single one. */
  readonly deviation: number | null;
  readonly learningRate: number;
  readonly optimizer: string;
  /** Of an incremental attack, whose accuracies are the means of both. */
  readonly oldAccuracies?: readonly number[];
  readonly newAccuracies?: readonly number[];
}

/** In points: hundredths of the accuracy. */
export interface Advantage {
  readonly mean: number;
  /** Standard deviation over the seeds of the difference, which is taken seed by seed; null of a single one. */
  readonly deviation: number | null;
}

/** What the weights of each file are worth to a pirate, in points of accuracy over random ones. */
export interface HeadStart {
  readonly budget: number;
  readonly original: Advantage;
  readonly obfuscated: Advantage;
}

/** Mean and standard deviation (n - 1) of some numbers. */
export function spread(values: readonly number[]): { mean: number; deviation: number | null } {
  return { mean: mean(values), deviation: deviation(values) };
}

/** The head starts of both files at each budget: the best method from the file less the best from random weights. */
export function headStarts(results: readonly Arm[]): HeadStart[] {
  const budgets = [...new Set(results.map(({ budget }) => budget))];
  return budgets.map((budget) => {
    const best = (arm: ArmName) =>
      results
        .filter((each) => each.arm === arm && each.budget === budget)
        .reduce((a, b) => (b.mean > a.mean ? b : a)).accuracies;
    const advantage = (arm: "original" | "obfuscated") => {
      const control = best(`${arm}-scratch`);
      return spread(best(arm).map((accuracy, seed) => 100 * (accuracy - control[seed]!)));
    };
    return { budget, original: advantage("original"), obfuscated: advantage("obfuscated") };
  });
}
