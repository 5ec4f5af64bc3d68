// What a classifier's answers say as probabilities, whichever way it gives them.
import { mean } from "../averages.ts";

/** What probabilities add up to: as they are, in percent, and as bytes; and how far rounding takes a sum from it. */
const wholes = [1, 100, 256];
const roundedShare = 0.02;

/** Mean of the largest probability in each row. */
export function meanConfidence(logits: Float32Array, outputs: number): number {
  return mean(probabilitiesOf(logits, outputs).map((row) => row.reduce((a, b) => Math.max(a, b))));
}

/**
 * How much answers tell of the images, from 0 to 1: the mutual information of image and class (Bridle, Heading and MacKay
 * 1991, Unsupervised classifiers, mutual information and phantom targets), over the most that so many answers could tell.
 * Answers to images in another form than was learned are unsure, or of few classes.
 */
export function informationOf(logits: Float32Array, outputs: number): number {
  const rows = probabilitiesOf(logits, outputs);
  const average = Float32Array.from({ length: outputs }, (_, k) =>
    mean(rows.map((row) => row[k]!)),
  );
  return (entropy(average) - mean(rows.map(entropy))) / Math.log(Math.min(outputs, rows.length));
}

function entropy(probabilities: Float32Array): number {
  return -probabilities.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0);
}

/**
 * The probabilities of each row of so many numbers: as they are where all rows are probabilities, shares of their sum where
 * all numbers lie from 0 to 1, as those of a sigmoid for each class do, and else their softmax.
 */
export function probabilitiesOf(logits: Float32Array, outputs: number): Float32Array[] {
  const rows = Array.from({ length: logits.length / outputs }, (_, row) =>
    logits.subarray(row * outputs, (row + 1) * outputs),
  );
  const whole = wholes.find((sum) =>
    rows.every(
      (row) =>
        row.every((p) => p >= 0) && Math.abs(row.reduce((a, b) => a + b) / sum - 1) < roundedShare,
    ),
  );
  if (whole) return rows.map((row) => row.map((p) => p / whole));
  return rows.map(logits.every((p) => p >= 0 && p <= 1) ? sharesOf : softmax);
}

function sharesOf(row: Float32Array): Float32Array {
  const sum = row.reduce((a, b) => a + b);
  return row.map((p) => (sum > 0 ? p / sum : 1 / row.length));
}

function softmax(row: Float32Array): Float32Array {
  const largest = row.reduce((a, b) => Math.max(a, b));
  const powers = row.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
