// Specializes a graph to its input's size: constants are computed, branches taken, shape arithmetic
// and nodes without effect disappear.
import { Budget } from "../budget.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node } from "../graph.ts";
import { type AnyBatch, factsForAnyBatch } from "./anyBatch.ts";
import { takeBranches } from "./branches.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { removeIdentities } from "./identities.ts";
import { reshapeOrderlyGathers } from "./orderlyGathers.ts";

/**
 * The same function with everything folded that is known before it runs, for every batch size: a
 * value counts as known where two batch sizes give the same one. Folded are constant subexpressions,
 * `If` with a constant condition, `Identity`, `Dropout` (in inference), target shapes of `Reshape` that follow
 * the batch size, and a `Gather` of everything in order. Inputs and outputs keep their names.
 */
export function foldConstants(graph: Graph): Graph {
  const budget = new Budget();
  const inlined = takeBranches(graph, budget);
  const facts = factsForAnyBatch(inlined, budget);
  const initializers = new Map(inlined.initializers);
  const outputs = new Set(inlined.outputs.map(({ name }) => name));
  const nodes: Node[] = [];
  for (const node of inlined.nodes) {
    const results = node.outputs.filter((name) => name !== "");
    const isKnown = results.every((name) => facts.constant(name) && !outputs.has(name));
    if (isKnown) for (const name of results) initializers.set(name, facts.constant(name)!);
    else nodes.push(node);
  }
  const folded = { ...inlined, nodes, initializers };
  const plain = reshapeOrderlyGathers(folded, facts);
  return eliminateDeadNodes(removeIdentities(fixReshapes(plain, facts)));
}

/** Gives `Reshape` a constant target where only the first size depends on the batch. */
function fixReshapes(graph: Graph, { small, large, constant }: AnyBatch): Graph {
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.map((node) => {
    if (node.operator !== "Reshape" || node.domain !== "" || constant(node.inputs[1]!)) return node;
    const [x, y] = [node.inputs[0]!, node.outputs[0]!].map((name) =>
      [small, large].map((facts) => facts.get(name)?.shape),
    );
    if (!y?.[0] || !y[1] || y[0].length === 0) return node;
    const keepsBatch = [0, 1].every((i) => x?.[i]?.[0] === y[i]?.[0]);
    const rest = y[0].slice(1);
    if (!keepsBatch || String(rest) !== String(y[1].slice(1)) || rest.includes(0)) return node;
    const target = edit.integers(`${node.outputs[0]}.shape`, [0, ...rest]);
    // Under this attribute a 0 would be a size, not the input's.
    const { allowzero: _, ...attributes } = node.attributes;
    return { ...node, attributes, inputs: [node.inputs[0]!, target] };
  });
  return edit.result(nodes);
}
