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

/** Shares of the full length, and of the recipes that go on to the next round. */
const rounds = [
  { length: 1 / 9, kept: 1 / 5 },
  { length: 1 / 3, kept: 0 },
] as const;

/** The best of the recipes. In the first round the best of each method goes on, whatever the others reach. */
export async function search(
  recipes: readonly Recipe[],
  epochs: number,
  attempt: (recipe: Recipe, epochs: number) => Promise<Score>,
): Promise<Recipe> {
  let left = recipes;
  for (const { length, kept } of rounds) {
    if (left.length === 1) break;
    const scored: { recipe: Recipe; score: Score }[] = [];
    for (const recipe of left) {
      scored.push({ recipe, score: await attempt(recipe, Math.ceil(epochs * length)) });
    }
    const ranked = scored.sort((a, b) => compare(a.score, b.score)).map(({ recipe }) => recipe);
    const firsts = ranked.filter(
      ({ method }, place) => ranked.findIndex((other) => other.method === method) === place,
    );
    const count = Math.ceil(left.length * kept);
    const next = [...firsts, ...ranked.filter((recipe) => !firsts.includes(recipe))];
    left = kept === 0 ? ranked.slice(0, 1) : next.slice(0, Math.max(count, firsts.length));
  }
  return left[0]!;
}

/** Better scores first; those without a number last. */
function compare(a: Score, b: Score): number {
  return b.accuracy - a.accuracy || a.crossEntropy - b.crossEntropy;
}
