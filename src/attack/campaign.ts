// The course of an attack: at every budget and from every starting point the pirate searches a recipe on images of his
// own, and the best one is run with all seeds and judged by the test images, which nothing was chosen by.
import type { Graph } from "../graph/graph.ts";
import type { Training } from "./fineTune.ts";
import { type Arm, type ArmName, arms, isScratch, spread } from "./headStart.ts";
import type { ResolvedAttackOptions } from "./options.ts";
import { grid, type Recipe } from "./recipes.ts";
import { type Score, search } from "./search.ts";

/** One training that a kind of attack is asked for. */
export interface Assignment {
  readonly arm: ArmName;
  readonly budget: number;
  readonly seed: number;
  readonly recipe: Recipe;
  readonly epochs: number;
  /** Whether it is judged by a part of the pirate's own images; else by the test images. */
  readonly isSearch: boolean;
}

/** What is trained for an assignment, and how its result is judged. */
export interface Trial extends Omit<Training, "name" | "recipe" | "epochs"> {
  readonly judge: (trained: Graph) => Promise<Score>;
}

/** A kind of attack. */
export interface Kind {
  /** The methods to choose the best of, from a starting point. */
  methods(arm: ArmName): readonly string[];
  prepare(assignment: Assignment): Promise<Trial>;
}

/** Carries trainings out, or knows already what they came to. */
interface Attempts {
  run(assignment: Assignment, kind: Kind): Promise<Score>;
}

/** Carries an attack out. Throws InterruptedError where the job is told to stop. */
export async function carryOut(
  kind: Kind,
  { options, trials }: { options: ResolvedAttackOptions; trials: Attempts },
): Promise<Arm[]> {
  const { budgets, epochs, seed, seeds } = options;
  const results: Arm[] = [];
  for (const budget of budgets) {
    for (const arm of arms) {
      const attempt = (each: Pick<Assignment, "seed" | "recipe" | "epochs" | "isSearch">) =>
        trials.run({ arm, budget, ...each }, kind);
      const recipes = grid(methodsFor(kind, arm, options), options);
      const best = await search(recipes, epochs, (recipe, short) =>
        attempt({ seed, recipe, epochs: short, isSearch: true }),
      );
      const accuracies: number[] = [];
      for (let i = 0; i < seeds; i++) {
        const run = { seed: seed + i, recipe: best, epochs, isSearch: false };
        accuracies.push((await attempt(run)).accuracy);
      }
      const { method, learningRate, optimizer } = best;
      const figures = { accuracies, ...spread(accuracies), learningRate, optimizer };
      results.push({ arm, method, budget, ...figures });
    }
  }
  return results;
}

/** The methods that were asked for. A start from random weights has its own where it knows none of these. */
function methodsFor(
  kind: Kind,
  arm: ArmName,
  { methods }: ResolvedAttackOptions,
): readonly string[] {
  const known = kind.methods(arm);
  const asked = known.filter((name) => methods?.includes(name) ?? true);
  return asked.length === 0 && isScratch(arm) ? known : asked;
}
