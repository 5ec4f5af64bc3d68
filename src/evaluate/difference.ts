// How far two executors are apart on the same outputs.
import { largest as largestOf } from "../lists.ts";

/** How far two tensors are apart. */
export interface Difference {
  /** Largest absolute difference; null where a value is finite in one and not in the other. */
  readonly maxAbsDiff: number | null;
  /** The same over the largest absolute value of the second; null where that is no number. */
  readonly maxRelDiff: number | null;
}

/** A difference with what it takes to combine it with others. */
export interface Compared extends Difference {
  /** Largest absolute value of the second that is finite. */
  readonly largest: number;
}

/** How far values are from others, and how large these are. */
export interface Distance {
  /** Largest absolute difference; infinite where a value is finite in one and not in the other. */
  readonly difference: number;
  /** Largest absolute value of the second that is finite. */
  readonly largest: number;
}

/** Compares values of the same length. */
export function compareValues(first: ArrayLike<number>, second: ArrayLike<number>): Compared {
  return summarize(farthest(first, second));
}

/** The difference of all outputs taken as one. */
export function combine(parts: readonly Compared[]): Compared {
  const differences = parts.map((part) => part.maxAbsDiff ?? Number.POSITIVE_INFINITY);
  const values = parts.map(({ largest }) => largest);
  return summarize({ difference: largestOf(differences, 0), largest: largestOf(values, 0) });
}

/** How far values are from others of the same length. Equal infinities, and NaN in both, are no difference. */
export function farthest(first: ArrayLike<number>, second: ArrayLike<number>): Distance {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < second.length; i++) {
    const [a, b] = [first[i]!, second[i]!];
    if (Number.isFinite(b)) largest = Math.max(largest, Math.abs(b));
    if (Object.is(a, b)) continue;
    const apart = Math.abs(a - b);
    difference = Math.max(difference, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart);
  }
  return { difference, largest };
}

/** The difference over the largest value; infinite where that is 0 and the difference is not. */
export function relativeDifference({ difference, largest }: Distance): number {
  return difference === 0 ? 0 : difference / largest;
}

function summarize(distance: Distance): Compared {
  const { difference, largest } = distance;
  const ratio = relativeDifference(distance);
  return {
    maxAbsDiff: Number.isFinite(difference) ? difference : null,
    maxRelDiff: Number.isFinite(ratio) ? ratio : null,
    largest,
  };
}
