// The recursion's tree: which layers of the chain stand for which part of the original. The whole chain
// stands for the whole extractor; a segment is cut in two at a tensor of the original that alone
// separates what is before from what is after.
import { countCost } from "../../graph/cost.ts";
import { findCutPoints } from "../../graph/cuts.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Facts } from "../../graph/shapes.ts";
import { upstream } from "../../graph/topology.ts";
import { type ChainPlan, layerCosts } from "../plan.ts";

/** Layers `first` to `last` of the chain, counted from 1, and the part of the original they simulate. */
export interface Segment {
  readonly first: number;
  readonly last: number;
  /** Tensors of the original at which the part begins and ends. */
  readonly from: string;
  readonly to: string;
  /** The two segments that this one is composed of; none where it is simulated directly. */
  readonly parts: readonly [Segment, Segment] | undefined;
}

/**
 * For each layer but the last, the tensor of the original that it ends at: of its height and width,
 * and the nearest to its share of the original's MACs. Null where there is none left.
 */
export function assignCuts(extractor: Graph, facts: Facts, plan: ChainPlan): (string | null)[] {
  const sizes = layerCosts(plan.input, plan.layers).map(({ size }) => size);
  const total = countCost(extractor, facts).macs;
  const points = findCutPoints(extractor, facts, extractor.outputs[0]?.name);
  const candidates = afterActivation(extractor, points).map((tensor) => {
    const nodes = [...upstream(extractor, [tensor]).nodes];
    const shape = facts.get(tensor)?.shape ?? [];
    return {
      tensor,
      size: String(shape.slice(2)),
      share: countCost({ ...extractor, nodes }, facts).macs / total,
    };
  });
  let used = -1;
  return sizes.slice(0, -1).map((size, i) => {
    const wanted = (i + 1) / sizes.length;
    const distance = (at: number) => Math.abs((candidates[at]?.share ?? 0) - wanted);
    const fitting = [...candidates.keys()].filter(
      (at) => at > used && candidates[at]?.size === String(size),
    );
    const best = fitting.reduce<number | undefined>(
      (nearest, at) => (nearest === undefined || distance(at) < distance(nearest) ? at : nearest),
      undefined,
    );
    if (best === undefined) return null;
    used = best;
    return candidates[best]!.tensor;
  });
}

/** Splits a chain with these cuts in halves, and the halves again, as far as there are cuts. */
export function segmentTree(
  cuts: readonly (string | null)[],
  { from, to }: { from: string; to: string },
): Segment {
  const split = (segment: Omit<Segment, "parts">): Segment => {
    const middle = (segment.first + segment.last - 1) / 2;
    const layers = Array.from(
      { length: segment.last - segment.first },
      (_, i) => segment.first + i,
    );
    const [layer] = layers
      .filter((each) => cuts[each - 1] !== null)
      .sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    const cut = layer === undefined ? null : cuts[layer - 1]!;
    if (layer === undefined || cut === null) return { ...segment, parts: undefined };
    return {
      ...segment,
      parts: [
        split({ ...segment, last: layer, to: cut }),
        split({ ...segment, first: layer + 1, from: cut }),
      ],
    };
  };
  return split({ first: 1, last: cuts.length + 1, from, to });
}

/** The segments by height in the tree: those that are simulated directly first, the whole last. */
export function levelsOf(root: Segment): Segment[][] {
  const levels: Segment[][] = [];
  const visit = (segment: Segment): number => {
    const height = segment.parts ? 1 + Math.max(...segment.parts.map(visit)) : 0;
    levels[height] ??= [];
    levels[height].push(segment);
    return height;
  };
  visit(root);
  return levels;
}

/** Of a tensor and its activation, which both can be cut at, the activation stays. */
function afterActivation(graph: Graph, tensors: readonly string[]): string[] {
  const activations = new Set(["Relu", "Clip", "HardSwish", "Sigmoid", "LeakyRelu"]);
  const activated = new Set(
    graph.nodes
      .filter(
        ({ operator, outputs }) => activations.has(operator) && tensors.includes(outputs[0] ?? ""),
      )
      .map(({ inputs }) => inputs[0]),
  );
  return tensors.filter((tensor) => !activated.has(tensor));
}
