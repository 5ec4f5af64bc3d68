// Scrambling: other weights for the same function. The channels between two layers are permuted, and brought to
// a scale that is the same whatever scale they had: nothing of the original's remains, and int8 loses little.
import { sha256Of } from "../files.ts";
import { findLinks } from "../graph/channelLinks.ts";
import { type Channels, gatherSlices, scaleSlices } from "../graph/channelSlices.ts";
import type { Graph } from "../graph/graph.ts";
import { uniform } from "../graph/random.ts";
import { canonicalFactors } from "./equalize.ts";

/**
 * The same function with the channels between layers permuted, by the seed and by a hash of the weights as they were, and
 * in canonical scale. Whoever has the result and the seed lacks these weights, and cannot undo it. Channels whose way to
 * the next layer is not understood stay as they are.
 */
export function scramble(graph: Graph, seed: number): Graph {
  const initializers = new Map(graph.initializers);
  const links = findLinks(graph);
  const factors = canonicalFactors(links, initializers);
  const hash = sha256Of(...[...initializers.values()].map(({ data }) => data));
  for (const [i, { from, to, channels, block, vectors }] of links.entries()) {
    const { before, after } = factors[i]!;
    const order = orderOf(uniform({ seed, name: `seal/order/${hash}/${i}` }, channels));
    const permute = (name: string, where: Channels) =>
      initializers.set(name, gatherSlices(initializers.get(name)!, { ...where, order }));
    const change = (name: string, scale: Float64Array, where: Channels) => {
      initializers.set(name, scaleSlices(initializers.get(name)!, { ...where, factors: scale }));
      permute(name, where);
    };
    change(from.weight, before, { axis: from.outputAxis });
    if (from.bias) change(from.bias, before, { axis: from.biasAxis });
    change(to.weight, after, { axis: to.inputAxis, block });
    for (const name of vectors) {
      const axis = initializers.get(name)!.shape.findIndex((size) => size > 1);
      permute(name, { axis: Math.max(0, axis) });
    }
  }
  return { ...graph, initializers };
}

/** Indices in the order of random numbers. */
function orderOf(random: Float32Array): number[] {
  return [...random.keys()].sort((a, b) => random[a]! - random[b]!);
}
