// How much the structures of two networks are alike, names and weights left out: by their sequences of layers, and by
// the neighbourhoods of their graphs. Both see what carries images: constants and sizes do not count.

import { createHash } from "node:crypto";
import type { Graph, Node } from "../graph/graph.ts";
import type { Facts } from "../graph/shapes.ts";
import { producers, readTensors } from "../graph/topology.ts";
import { passing } from "../graph/traits.ts";
import { editDistance } from "../nearest.ts";

/** Operators that do nothing where a network is used. */
const idle = new Set([...passing, "Cast"]);

/** How far neighbourhoods reach. */
const iterations = 3;

/** Nodes with their operator, and who reads whom, by number. */
interface Skeleton {
  readonly operators: readonly string[];
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
}

/** How two networks compare. */
export interface StructureComparison {
  /** Edit distance of the sequences of layers over the length of the longer one: 0 alike, 1 nothing in common. */
  readonly layerEditDistance: number;
  /** Cosine of the counts of Weisfeiler and Lehman's labels: 1 alike, 0 nothing in common. */
  readonly graphSimilarity: number;
  /** Number of layers of each. */
  readonly layers: readonly [first: number, second: number];
}

/**
 * Compares two graphs with what is known of their tensors. The edit distance is NeurObfuscator's layer error rate (Li et
 * al. 2021, arXiv 2107.09789), over the longer sequence so that it ends at 1; the similarity is the Weisfeiler-Lehman
 * subtree kernel (Shervashidze et al. 2011, JMLR 12), normalised.
 */
export function compareStructures(
  first: { readonly graph: Graph; readonly facts: Facts },
  second: { readonly graph: Graph; readonly facts: Facts },
): StructureComparison {
  const [a, b] = [skeletonOf(first), skeletonOf(second)];
  const [labels, others] = [labelsOf(a), labelsOf(b)];
  const [x, y] = [sequenceOf(a, labels), sequenceOf(b, others)];
  const longest = Math.max(x.length, y.length);
  return {
    layerEditDistance: longest === 0 ? 0 : editDistance(x, y) / longest,
    graphSimilarity: cosine(counts(labels.flat()), counts(others.flat())),
    layers: [x.length, y.length],
  };
}

function skeletonOf({ graph, facts }: { readonly graph: Graph; readonly facts: Facts }): Skeleton {
  const made = producers(graph);
  const carries = (name: string) => facts.get(name)?.value === undefined;
  const counted = graph.nodes.filter(
    (node) => !idle.has(node.operator) && node.outputs.some((name) => name !== "" && carries(name)),
  );
  const place = new Map(counted.map((node, i) => [node, i]));
  const sources = new Map<Node, readonly number[]>();
  const placesOf = (node: Node): readonly number[] => {
    const known = sources.get(node);
    if (known) return known;
    const found = readTensors(node).flatMap((name) => {
      const source = made.get(name);
      if (!source || !carries(name)) return [];
      const own = place.get(source);
      return own === undefined ? placesOf(source) : [own];
    });
    sources.set(node, found);
    return found;
  };
  for (const node of graph.nodes) placesOf(node);
  const before = counted.map(placesOf);
  const after = counted.map((): number[] => []);
  for (const [i, places] of before.entries()) for (const each of places) after[each]!.push(i);
  return { operators: counted.map(({ operator }) => operator), before, after };
}

/** Of each iteration the labels of all nodes: a node's own and, as sets, those of who is before and behind it. */
function labelsOf({ operators, before, after }: Skeleton): string[][] {
  const rounds: string[][] = [[...operators]];
  for (let i = 0; i < iterations; i++) {
    const last = rounds.at(-1)!;
    const around = (places: readonly number[]) => places.map((place) => last[place]!).sort();
    const next = last.map((own, node) =>
      digest([own, around(before[node]!), around(after[node]!)]),
    );
    rounds.push(next);
  }
  return rounds;
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64").slice(0, 16);
}

/** The operators in an order that the file does not decide: of nodes that may come next the one of the first label. */
function sequenceOf({ operators, before, after }: Skeleton, labels: readonly string[][]): string[] {
  const last = labels.at(-1)!;
  const waiting = before.map((places) => places.length);
  const ready = [...operators.keys()].filter((node) => waiting[node] === 0);
  const sequence: string[] = [];
  while (ready.length > 0) {
    const next = ready.reduce((a, b) => (last[b]! < last[a]! ? b : a));
    ready.splice(ready.indexOf(next), 1);
    sequence.push(operators[next]!);
    for (const node of after[next]!) if (--waiting[node]! === 0) ready.push(node);
  }
  return sequence;
}

function counts(labels: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const label of labels) found.set(label, (found.get(label) ?? 0) + 1);
  return found;
}

function cosine(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const product = (x: ReadonlyMap<string, number>, y: ReadonlyMap<string, number>) =>
    [...x].reduce((sum, [label, count]) => sum + count * (y.get(label) ?? 0), 0);
  const size = Math.sqrt(product(a, a) * product(b, b));
  return size === 0 ? 0 : product(a, b) / size;
}
