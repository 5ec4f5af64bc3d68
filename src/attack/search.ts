// Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): all recipes are tried for a short time, the better
// ones for longer, and the best of these is taken. Each trial has a whole schedule of its own, since rates that fall to
// 0 do not compare at half their way. The last round decides between few and is judged by few images: each seed, which
// draws other images, has its say.
import { mean } from "../averages.ts";
import type { Recipe } from "./recipes.ts";

/** How well a recipe did on the images held out. */
export interface Score {
  readonly accuracy: number;
  /** Mean cross entropy, which tells recipes of the same accuracy apart. */
  readonly crossEntropy: number;
  /** Accuracies on old and on new classes, where there are both; `accuracy` is then their mean. */
  readonly parts?: { readonly old: number; readonly new: number };
}

/** What a recipe came to in a round. */
interface Scored {
  readonly recipe: Recipe;
  readonly score: Score;
}

/** Shares of the full length, round by round. */
const [firstRound, secondRound, lastRound] = [1 / 9, 1 / 4, 1 / 2] as const;

/** Share of the recipes that goes on to the next round, and the fewest that do. */
const kept = 1 / 3;
const fewest = 2;

/**
 * The best of the recipes. The best third of a round goes on to the next, two at least, and beside it the best of each
 * method, whatever the others reach. In the first round `beyond` may name a further recipe, given the best of a method
 * and all of it that were tried. In the last round the mean over all seeds counts, before it the first seed.
 */
export async function search(
  recipes: readonly Recipe[],
  {
    epochs,
    seeds,
    attempt,
    beyond,
  }: {
    readonly epochs: number;
    readonly seeds: number;
    /** Tries a recipe for so many epochs, with the seed of this place. */
    readonly attempt: (recipe: Recipe, epochs: number, seed: number) => Promise<Score>;
    readonly beyond: (best: Recipe, tried: readonly Recipe[]) => Recipe | undefined;
  },
): Promise<Recipe> {
  if (recipes.length === 1) return recipes[0]!;
  const tryAll = async (several: readonly Recipe[], length: number, draws = 1) => {
    const results: Scored[] = [];
    for (const recipe of several) {
      const scores: Score[] = [];
      for (let i = 0; i < draws; i++) scores.push(await attempt(recipe, epochs * length, i));
      results.push({ recipe, score: meanScore(scores) });
    }
    return results;
  };
  const scored = await tryAll(recipes, firstRound);
  for (const method of new Set(recipes.map((recipe) => recipe.method))) {
    for (;;) {
      const tried = ranked(scored.filter(({ recipe }) => recipe.method === method));
      const next = beyond(tried[0]!, tried);
      if (next === undefined) break;
      scored.push(...(await tryAll([next], firstRound)));
    }
  }
  const better = ranked(await tryAll(promoted(ranked(scored)), secondRound));
  return ranked(await tryAll(promoted(better), lastRound, seeds))[0]!;
}

function meanScore(scores: readonly Score[]): Score {
  return {
    accuracy: mean(scores.map(({ accuracy }) => accuracy)),
    crossEntropy: mean(scores.map(({ crossEntropy }) => crossEntropy)),
  };
}

/** Better scores first; those without a number last. */
function ranked(scored: readonly Scored[]): Recipe[] {
  const compare = (a: Score, b: Score) =>
    b.accuracy - a.accuracy || a.crossEntropy - b.crossEntropy;
  return [...scored].sort((a, b) => compare(a.score, b.score)).map(({ recipe }) => recipe);
}

/** Those of a round, better ones first, that go on to the next. */
function promoted(order: readonly Recipe[]): Recipe[] {
  const count = Math.max(fewest, Math.ceil(order.length * kept));
  return order.filter(
    ({ method }, place) =>
      place < count || order.findIndex((other) => other.method === method) === place,
  );
}
