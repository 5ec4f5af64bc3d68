// The pirate's data: a share of each class, and the part of it that he searches his recipe by.
import { type Labelled, select } from "../data/index.ts";
import { permutation } from "../data/subsets.ts";
import { UsageError } from "../errors.ts";
import { randomBits } from "../graph/random.ts";
import type { Assignment } from "./campaign.ts";
import type { LabelledData } from "./scene.ts";

/** Share of the pirate's own images that are held out while he searches. */
const searchShare = 0.2;

/**
 * A share of the images of each class, drawn by seed. Throws UsageError where a class has fewer than two images left,
 * one to learn from and one to search by.
 */
export function drawBudget(dataset: Labelled, share: number, seed: number): Labelled {
  const chosen = placesByClass(dataset, { seed, name: "budget" }).flatMap((places, label) => {
    const count = Math.round(share * places.length);
    if (count >= 2) return [...places.subarray(0, count)];
    throw new UsageError(
      `--budgets: expected a share that leaves each class two images or more, one to learn from and one to choose ` +
        `a recipe by, but ${share} leaves ${count} of the ${places.length} of "${dataset.classes[label]}"`,
    );
  });
  return select(dataset, Int32Array.from(chosen).sort(), dataset.name);
}

/**
 * Throws UsageError where a share leaves a class too few images, or fewer to learn from while he searches than there are
 * workers.
 */
export function assertBudgets(
  dataset: Labelled,
  {
    budgets,
    seed,
    workers = 1,
  }: { readonly budgets: readonly number[]; readonly seed: number; readonly workers?: number },
): void {
  for (const share of budgets) {
    const { count } = splitForSearch(drawBudget(dataset, share, seed), seed).learn;
    if (count >= workers) continue;
    throw new UsageError(
      `--workers: expected at most ${count}, the images that ${share} of ${dataset.name} leaves the pirate to learn ` +
        `from while he searches, received ${workers}`,
    );
  }
}

/**
 * The images of a training: the pirate's own, those of them that it learns from, and those held to judge it by, of which
 * `heldOut` are his own.
 */
export function imagesFor(
  { budget, seed, isSearch }: Pick<Assignment, "budget" | "seed" | "isSearch">,
  { train, test }: LabelledData,
): { own: Labelled; learn: Labelled; held: Labelled; heldOut: number } {
  const own = drawBudget(train, budget, seed);
  const parts = isSearch ? splitForSearch(own, seed) : { learn: own, held: test };
  return { own, ...parts, heldOut: own.count - parts.learn.count };
}

/** The pirate's images in two: to learn from and to judge a recipe by. Each class is in both. */
export function splitForSearch(
  dataset: Labelled,
  seed: number,
): { learn: Labelled; held: Labelled } {
  const isHeld = new Set(
    placesByClass(dataset, { seed, name: "search" }).flatMap((places) => [
      ...places.subarray(0, Math.max(1, Math.round(searchShare * places.length))),
    ]),
  );
  const part = (held: boolean) => {
    const places = [...dataset.labels.keys()].filter((place) => isHeld.has(place) === held);
    return select(dataset, Int32Array.from(places), dataset.name);
  };
  return { learn: part(false), held: part(true) };
}

/** The places of each class's images, in an order drawn by seed. */
export function placesByClass(
  dataset: Labelled,
  { seed, name }: { seed: number; name: string },
): Int32Array[] {
  return placesOfClasses(dataset).map((places, label) => {
    const stream = { seed, name: `attack/${name}/${label}` };
    return permutation(randomBits(stream, places.length)).map((i) => places[i]!);
  });
}

/** The places of each class's images, in their order. */
export function placesOfClasses({
  labels,
  classes,
}: Pick<Labelled, "labels" | "classes">): number[][] {
  const places = classes.map((): number[] => []);
  for (const [place, label] of labels.entries()) places[label]!.push(place);
  return places;
}
