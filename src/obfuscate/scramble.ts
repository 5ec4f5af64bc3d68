// Scrambling: other weights for the same function. The channels between two layers are permuted, and brought to
// a scale that is the same whatever scale they had: nothing of the original's remains, and int8 loses little.
import { elementCount, type Graph, type TensorData } from "../graph/graph.ts";
import { uniform } from "../graph/random.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { canonicalFactors } from "./equalize.ts";
import { findLinks } from "./links.ts";

/**
 * The same function with the channels between layers permuted, by seed, and in canonical scale. Channels whose way
 * to the next layer is not understood stay as they are.
 */
export function scramble(graph: Graph, seed: number): Graph {
  const initializers = new Map(graph.initializers);
  const links = findLinks(graph);
  const factors = canonicalFactors(links, initializers);
  for (const [i, { from, to, channels, block, vectors }] of links.entries()) {
    const { before, after } = factors[i]!;
    const order = orderOf(uniform({ seed, name: `seal/order/${i}` }, channels));
    const change = (name: string, options: Omit<Arrangement, "order">) =>
      initializers.set(name, arrange(initializers.get(name)!, { ...options, order }));
    change(from.weight, { axis: from.outputAxis, factors: before });
    if (from.bias) change(from.bias, { axis: from.biasAxis, factors: before });
    change(to.weight, { axis: to.inputAxis, block, factors: after });
    const none = new Float64Array(channels).fill(1);
    for (const name of vectors) {
      const axis = initializers.get(name)!.shape.findIndex((size) => size > 1);
      change(name, { axis: Math.max(0, axis), factors: none });
    }
  }
  return { ...graph, initializers };
}

/** Indices in the order of random numbers. */
function orderOf(random: Float32Array): number[] {
  return [...random.keys()].sort((a, b) => random[a]! - random[b]!);
}

interface Arrangement {
  readonly axis: number;
  readonly block?: number;
  readonly order: readonly number[];
  readonly factors: Float64Array;
}

/**
 * Channel i of an axis becomes channel order[i] times its factor; with blocks, a channel is several slices. Channels that
 * stand behind each other on the axis again and again are arranged alike each time.
 */
function arrange(tensor: TensorData, { axis, block = 1, order, factors }: Arrangement): TensorData {
  const from = toFloat32(tensor);
  const to = new Float32Array(from.length);
  const inner = elementCount(tensor.shape.slice(axis + 1)) * block;
  const outer = from.length / (order.length * inner);
  for (let o = 0; o < outer; o++) {
    for (const [i, source] of order.entries()) {
      const [start, target] = [(o * order.length + source) * inner, (o * order.length + i) * inner];
      for (let k = 0; k < inner; k++) to[target + k] = from[start + k]! * factors[source]!;
    }
  }
  return fromFloat32(tensor.shape, to);
}
