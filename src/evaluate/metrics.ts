// Metrics of logits, as pure functions. Logits are row-major: one row an image, one column a class.

/** Number of columns that a row's largest element is in; the first of equal ones. */
export function argmaxRows(logits: Float32Array, columns: number): Int32Array {
  const rows = new Int32Array(logits.length / columns);
  for (let row = 0; row < rows.length; row++) {
    let best = 0;
    for (let column = 1; column < columns; column++) {
      if (logits[row * columns + column]! > logits[row * columns + best]!) best = column;
    }
    rows[row] = best;
  }
  return rows;
}

/** Number of places where two lists hold the same. */
export function countEqual(first: ArrayLike<number>, second: ArrayLike<number>): number {
  let equal = 0;
  for (let index = 0; index < first.length; index++) {
    if (first[index] === second[index]) equal++;
  }
  return equal;
}

/** Place of the first NaN, or -1. */
export function findNaN(values: Float32Array): number {
  return values.findIndex(Number.isNaN);
}

/**
 * Squared differences of logits, N rows of `outputs` numbers each, over the squares of the first ones. Each row
 * counts less its mean, which softmax does not see.
 */
export function relativeSquaredError(
  first: Float32Array,
  second: Float32Array,
  outputs: number,
): number {
  let [difference, size] = [0, 0];
  for (let start = 0; start < first.length; start += outputs) {
    const [a, b] = [first, second].map((logits) => logits.subarray(start, start + outputs));
    const [meanOfA, meanOfB] = [a!, b!].map((row) => row.reduce((x, y) => x + y, 0) / outputs);
    for (let i = 0; i < outputs; i++) {
      const centred = a![i]! - meanOfA!;
      difference += (centred - (b![i]! - meanOfB!)) ** 2;
      size += centred ** 2;
    }
  }
  return size === 0 ? difference : difference / size;
}
