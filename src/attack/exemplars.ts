// Exemplars of old classes (iCaRL: Rebuffi et al. 2017, arXiv 1611.07725): a few images of each that the pirate keeps,
// chosen by herding so that their mean feature comes close to the class's, and by which he classifies.
import { joinImages, type Labelled, select } from "../data/index.ts";
import { placesOfClasses } from "./budget.ts";

/** Images of each old class that the pirate learns again: as many as iCaRL has of each of CIFAR-100's. */
export const exemplarsPerClass = 20;

/** Those that a recipe is searched by. */
const heldPerClass = 5;

/** Of each class the images that are looked at. */
const candidatesPerClass = 100;

/** Places of at most a hundred images of each class, in an order drawn by seed. */
export function candidates(dataset: Labelled, order: readonly Int32Array[]): Labelled {
  const chosen = order.flatMap((places) => [...places.subarray(0, candidatesPerClass)]);
  return select(dataset, Int32Array.from(chosen), dataset.name);
}

/**
 * Twenty of each class to keep and five others to judge by, from candidates with features [N, F]: one after another the
 * one that brings the mean of the chosen features, each of length 1, closest to the mean of all.
 */
export function herd(
  dataset: Labelled,
  features: Float32Array,
): { readonly kept: Labelled; readonly held: Labelled } {
  const width = features.length / dataset.count;
  const rows = unitRows(features, width);
  const [kept, held]: [number[], number[]] = [[], []];
  for (const left of placesOfClasses(dataset)) {
    const mean = meanOf(left.map((place) => rows[place]!));
    const sum = new Float64Array(width);
    for (let count = 1; count <= exemplarsPerClass && left.length > 1; count++) {
      const distance = (place: number) =>
        mean.reduce((d, m, i) => d + (m - (sum[i]! + rows[place]![i]!) / count) ** 2, 0);
      const next = left.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      left.splice(left.indexOf(next), 1);
      for (const [i, value] of rows[next]!.entries()) sum[i]! += value;
      kept.push(next);
    }
    held.push(...left.slice(0, heldPerClass));
  }
  const part = (places: number[]) => select(dataset, Int32Array.from(places), dataset.name);
  return { kept: part(kept), held: part(held) };
}

/** Images of new classes with their labels behind those of the old classes. */
export function behind(old: readonly string[], added: Labelled): Labelled {
  const labels = added.labels.map((label) => old.length + label);
  return { ...added, labels, classes: [...old, ...added.classes] };
}

/** Images of old classes and, with labels behind theirs, of new ones as one data set. */
export function joined(old: Labelled, added: Labelled): Labelled {
  const { name, classes } = added;
  const labels = new Int32Array(old.labels.length + added.labels.length);
  labels.set(old.labels);
  labels.set(added.labels, old.labels.length);
  return joinImages(old, added, { name, classes, labels });
}

/** For features of length 1 the class whose mean feature, of length 1, is nearest: a score a class, higher is nearer. */
export function nearestMeans(
  features: Float32Array,
  known: { readonly features: Float32Array; readonly set: Labelled },
): Float32Array {
  const width = known.features.length / known.set.labels.length;
  const rows = unitRows(known.features, width);
  const means = placesOfClasses(known.set).map((places) =>
    unit(meanOf(places.map((place) => rows[place]!))),
  );
  const scores = unitRows(features, width).map((row) =>
    means.map((mean) => mean.reduce((sum, m, i) => sum + m * row[i]!, 0)),
  );
  return Float32Array.from(scores.flat());
}

function unitRows(features: Float32Array, width: number): Float64Array[] {
  return Array.from({ length: features.length / width }, (_, row) =>
    unit(Float64Array.from(features.subarray(row * width, (row + 1) * width))),
  );
}

function unit(row: Float64Array): Float64Array {
  const norm = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0));
  return norm === 0 ? row : row.map((value) => value / norm);
}

function meanOf(rows: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows) for (const [i, value] of row.entries()) mean[i]! += value / rows.length;
  return mean;
}
