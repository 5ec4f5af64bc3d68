// What the answers to each image say of both models: accuracy by class, confusions that differ, and the images on
// which the two disagree most.
import { shorten } from "../text.ts";
import type { Missing } from "./missing.ts";
import type { Part } from "./reportForm.ts";
import type { PredictionsFile } from "./runForms.ts";

const mostConfusions = 12;

/** The name of a class as a page can show it: strangers choose it, or it is a mere number. */
function nameOf(classes: readonly string[] | null, place: number): string {
  const name = classes?.[place] ?? String(place);
  return /^\d+$/.test(name) ? `class ${name}` : shorten(name);
}

/** Accuracy of both models by class, and what they confuse differently. */
export function perClass(file: PredictionsFile): Part<"classes"> | Missing {
  const { classes, labels, original, obfuscated } = file;
  if (!labels) return { missing: "the test images have no labels" };
  const shown = [...new Set(labels)].sort((a, b) => a - b);
  const counts = (answers: readonly number[]) => {
    const pairs = new Map<string, number>();
    for (const [i, label] of labels.entries()) {
      const pair = `${label} ${answers[i]}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
    return pairs;
  };
  const [first, second] = [counts(original.classes), counts(obfuscated.classes)];
  const imagesOf = new Map<number, number>();
  for (const label of labels) imagesOf.set(label, (imagesOf.get(label) ?? 0) + 1);
  const rows = shown.map((label) => {
    const images = imagesOf.get(label)!;
    const rate = (pairs: ReadonlyMap<string, number>) =>
      (pairs.get(`${label} ${label}`) ?? 0) / images;
    return {
      name: nameOf(classes, label),
      images,
      original: rate(first),
      obfuscated: rate(second),
    };
  });
  const confusions = [...new Set([...first.keys(), ...second.keys()])]
    .map((pair) => {
      const [label, answer] = pair.split(" ").map(Number) as [number, number];
      return { label, answer, original: first.get(pair) ?? 0, obfuscated: second.get(pair) ?? 0 };
    })
    .filter(
      ({ label, answer, original, obfuscated }) => label !== answer && original !== obfuscated,
    )
    .sort((a, b) => difference(b) - difference(a))
    .slice(0, mostConfusions)
    .map(({ label, answer, ...both }) => ({
      label: nameOf(classes, label),
      answer: nameOf(classes, answer),
      ...both,
    }));
  return { samples: labels.length, classes: rows, confusions };
}

function difference({ original, obfuscated }: { original: number; obfuscated: number }): number {
  return Math.abs(original - obfuscated);
}

/** The images on which the two differ most. */
export function disagreementsOf(file: PredictionsFile): Part<"disagreements"> {
  const { classes, labels, original, obfuscated, apart, thumbnails } = file;
  const differing = apart.filter((_, i) => original.classes[i] !== obfuscated.classes[i]).length;
  const images = thumbnails.map(({ place, png }) => {
    const answer = ({ classes: answers, confidences }: PredictionsFile["original"]) => ({
      class: nameOf(classes, answers[place]!),
      confidence: confidences[place]!,
    });
    return {
      place,
      png,
      apart: apart[place]!,
      ...(labels && { label: nameOf(classes, labels[place]!) }),
      original: answer(original),
      obfuscated: answer(obfuscated),
    };
  });
  return { differing, images };
}
