// Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): all recipes are tried for a short time, the better
// ones for longer, and the best of these is taken. Each trial has a whole schedule of its own, since rates that fall to
// 0 do not compare at half their way.
import type { Recipe } from "./recipes.ts";

/** How well a recipe did on the images held out. */
export interface Score {
  readonly accuracy: number;
  /** Mean cross entropy, which tells recipes of the same accuracy apart. */
  readonly crossEntropy: number;
  /** Accuracies on old and on new classes, where there are both; `accuracy` is then their mean. */
  readonly parts?: { readonly old: number; readonly new: number };
}

/** Shares of the full length, round by round. */
const rounds = [1 / 9, 1 / 4, 1 / 2] as const;

/** Share of the recipes that goes on to the next round. */
const kept = 1 / 3;

/** The best of the recipes. The best of each method goes on until the last round, whatever the others reach. */
export async function search(
  recipes: readonly Recipe[],
  epochs: number,
  attempt: (recipe: Recipe, epochs: number) => Promise<Score>,
): Promise<Recipe> {
  let left = recipes;
  for (const length of rounds) {
    if (left.length === 1) break;
    const scored: { recipe: Recipe; score: Score }[] = [];
    for (const recipe of left) {
      scored.push({ recipe, score: await attempt(recipe, epochs * length) });
    }
    const ranked = scored.sort((a, b) => compare(a.score, b.score)).map(({ recipe }) => recipe);
    const firsts = ranked.filter(
      ({ method }, place) => ranked.findIndex((other) => other.method === method) === place,
    );
    const others = ranked.filter((recipe) => !firsts.includes(recipe));
    const count = Math.max(firsts.length, Math.ceil(left.length * kept));
    left = length === rounds.at(-1) ? ranked : [...firsts, ...others].slice(0, count);
  }
  return left[0]!;
}

/** Better scores first; those without a number last. */
function compare(a: Score, b: Score): number {
  return b.accuracy - a.accuracy || a.crossEntropy - b.crossEntropy;
}
