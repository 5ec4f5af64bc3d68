// What few images to judge by leave open.
import type { Dataset } from "../data/dataset.ts";
import { interval } from "../numbers.ts";
import { type Interval, wilsonInterval } from "./statistics.ts";

/** So few images to judge by say little. */
export const fewToJudge = 200;

/** Between which bounds a figure lies, in a sentence; none where there are enough images. */
export function noteOnFew(count: number, figure: string, bounds: Interval): string[] {
  if (count >= fewToJudge) return [];
  return [
    `few images to judge by (${count}) say little: ${figure} lies within ${interval(bounds)}`,
  ];
}

/** The same before anything is measured, by an example; none for images without labels. */
export function notesOnFew({ count, labels }: Pick<Dataset, "count" | "labels">): string[] {
  if (!labels) return [];
  return noteOnFew(count, "a measured accuracy of 90 %", wilsonInterval(0.9, count));
}
