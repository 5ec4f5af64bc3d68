// Whether an original is that of a shipped file, whose last layer is the original's up to the order and scale of what it
// reads: its biases and the directions of its columns stay as they are, or nearly so where it was tuned.
import { mean, median } from "../averages.ts";
import { ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { behead, type Rows } from "./head.ts";

/** Biases that are less alike belong to different networks. */
const leastAlike = 0.8;

/** Throws ModelError where the networks cannot be a file and its original. */
export function assertRelated({
  original,
  obfuscated,
}: Readonly<Record<"original" | "obfuscated", Graph>>): void {
  const [first, second] = [behead(original), behead(obfuscated)];
  const [outputs, others] = [first.head.bias.length, second.head.bias.length];
  if (outputs !== others) {
    throw new ModelError(
      `--original: expected the network that the file was made of, but it tells ${outputs} classes apart, ` +
        `the file ${others}`,
    );
  }
  if (first.features !== second.features) {
    throw new ModelError(
      `--original: expected the network that the file was made of, but its last layer reads ${first.features} ` +
        `features, that of the file ${second.features}`,
    );
  }
  const heads = [first.head, second.head] as const;
  const biases = outputs === 2 ? closeness(...heads) : correlation(...heads);
  if (biases < leastAlike) throw unrelated("biases", biases);
  const weights = nearness(...heads);
  if (weights < leastNear) throw unrelated("weights", weights);
}

function unrelated(what: string, alike: number): ModelError {
  return new ModelError(
    `--original: expected the network that the file was made of, but the ${what} of their last layers have ` +
      `nothing to do with each other (alike by ${alike.toFixed(2)} of 1); --accept-original goes on all the same`,
  );
}

/** Correlation of the biases; not a number where a layer has none. */
function correlation({ bias: a }: Rows, { bias: b }: Rows): number {
  const centred = (values: Float32Array) => {
    const average = mean(Array.from(values));
    return Array.from(values, (value) => value - average);
  };
  const [x, y] = [centred(a), centred(b)];
  const product = (p: number[], q: number[]) => p.reduce((sum, value, i) => sum + value * q[i]!, 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

/** Of both biases together: what a tuned classifier may have moved smaller ones by says nothing. */
const leastSize = 0.3;

/**
 * How close the biases are: 1 for the same, 0 for opposite ones; not a number where no layer has any. For two outputs,
 * whose correlation is 1 or -1 whatever they are.
 */
function closeness({ bias: a }: Rows, { bias: b }: Rows): number {
  const distance = Math.hypot(...a.map((value, i) => value - b[i]!));
  const size = Math.hypot(...a) + Math.hypot(...b);
  return size === 0 ? Number.NaN : 1 - distance / Math.max(size, leastSize);
}

/** Fewer columns say nothing; so many, evenly among all, are looked for. */
const [fewestColumns, mostColumns] = [8, 64];

/** Less near are columns of different networks; of those that lie closer together none can be told from the others. */
const [leastNear, leastApart] = [0.3, 0.1];

/**
 * How much nearer the columns of the first are to columns of the second than to others of their own, all of length 1: 1
 * where each is found again, about 0 where any is as near. Not a number where they lie too close together to tell.
 */
function nearness(first: Rows, second: Rows): number {
  const [own, others] = [directions(first), directions(second)];
  if (own.length < fewestColumns) return Number.NaN;
  const step = Math.ceil(own.length / mostColumns);
  const sample = own.filter((_, place) => place % step === 0);
  const among = (column: Float32Array, columns: readonly Float32Array[]) =>
    columns.reduce(
      (least, other) => (other === column ? least : Math.min(least, distance(column, other))),
      2,
    );
  const apart = sample.map((column) => among(column, own));
  if (!(median(apart) >= leastApart)) return Number.NaN;
  const ratios = sample.map((column, i) => among(column, others) / Math.max(apart[i]!, leastApart));
  return 1 - median(ratios);
}

/** The columns that are not 0, at length 1. */
function directions({ weight, bias }: Rows): Float32Array[] {
  const [classes, features] = [bias.length, weight.length / bias.length];
  const columns = Array.from({ length: features }, (_, i) =>
    Float32Array.from({ length: classes }, (_, k) => weight[k * features + i]!),
  );
  return columns.flatMap((column) => {
    const length = Math.hypot(...column);
    return length > 0 ? [column.map((value) => value / length)] : [];
  });
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k]! - b[k]!) ** 2;
  return Math.sqrt(sum);
}
