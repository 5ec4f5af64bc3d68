// Whether an original is that of a shipped file, whose last layer is the original's up to the order and scale of what it
// reads: its biases stay as they are, or nearly so where it was tuned.
import { mean } from "../averages.ts";
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
  const found =
    outputs === 2 ? closeness(first.head, second.head) : correlation(first.head, second.head);
  if (!(found < leastAlike)) return;
  throw new ModelError(
    "--original: expected the network that the file was made of, but the biases of their last layers have " +
      `nothing to do with each other (alike by ${found.toFixed(2)} of 1); --accept-original goes on all the same`,
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
