// Which tensors stand with channels last where the graph has them first elsewhere.
import type { Graph } from "./graph.ts";
import { layoutChange } from "./rewrites/permutation.ts";

/** Operators whose second axis is that of the channels, whatever was before them. */
const channelsFirst = /^(Conv|ConvTranspose|BatchNormalization|(Global)?(Average|Max|Lp)Pool)$/;

/** The tensors between a `Transpose` to channels last and the one back. */
export function channelsLast({ nodes }: Pick<Graph, "nodes">): ReadonlySet<string> {
  const turned = new Set<string>();
  for (const node of nodes) {
    const change = layoutChange(node);
    const isTurned = node.inputs.some((name) => turned.has(name));
    const staysTurned = isTurned && !channelsFirst.test(node.operator);
    if (change ? change[1] === 2 && !isTurned : staysTurned)
      for (const name of node.outputs) turned.add(name);
  }
  return turned;
}
