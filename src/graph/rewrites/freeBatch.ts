// Frees a graph of the batch size of its file. An exporter that was shown one example writes its batch
// size into every constant that holds a shape in full; here each operator that reads such a constant
// learns to follow its input instead.
import { ModelError } from "../../errors.ts";
import { Budget } from "../budget.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node, ValueInfo } from "../graph.ts";
import { inferNode, inferShapes, type TensorFacts } from "../shapes.ts";
import { downstream } from "../topology.ts";
import { factsForAnyBatch, isSame } from "./anyBatch.ts";
import { batchRules, type Site } from "./batchRules.ts";
import { takeBranches } from "./branches.ts";

/**
 * The graph with a batch size of any number, called "N", where its input has a fixed one (PyTorch
 * exports the batch size of its example). Undefined where a node depends on that size.
 */
export function freeBatch(graph: Graph): Graph | undefined {
  const [input] = graph.inputs;
  const batch = input?.shape?.[0];
  if (!input || typeof batch !== "number") return graph;
  const budget = new Budget();
  const inlined = takeBranches(graph, budget);
  const fixed = inferShapes(inlined, new Map(), budget);
  const free = (info: ValueInfo) => ({
    ...info,
    shape: info.shape && ["N", ...info.shape.slice(1)],
  });
  const start = { ...inlined, inputs: graph.inputs.map(free), outputs: graph.outputs.map(free) };
  const next = new Map([[input.name, fixed.get(input.name)!.shape.with(0, batch + 1)]]);
  const freed = inferShapes({ ...start, nodes: [] }, next, budget);
  const follows = downstream(inlined, [input.name]).nodes;
  const constant = (name: string | undefined) => {
    const [value, other] = [fixed, freed].map((facts) => facts.get(name ?? "")?.value);
    return value && other && isSame(value, other) ? value : undefined;
  };
  const isBatched = (name: string | undefined) =>
    fixed.get(name ?? "")?.shape[0] === batch && freed.get(name ?? "")?.shape[0] === batch + 1;
  const edit = new GraphEdit(start);
  const site = { batch, fixed, freed, constant, isBatched, edit, budget };
  try {
    const nodes = inlined.nodes.flatMap((node) => {
      const isStandard = node.domain === "" && follows.has(node);
      const rule = isStandard ? batchRules.get(node.operator) : undefined;
      const replaced = rule?.({ ...site, node }) ?? [node];
      for (const each of replaced) inferFreed(each, site, graph.opset);
      return replaced;
    });
    const result = edit.result(nodes);
    return growsWithBatch(site) && followsBatch(result, budget) ? result : undefined;
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

/** Infers what a node gives for the other batch size, where it may read constants that are new. */
function inferFreed(
  node: Node,
  {
    freed,
    edit,
    budget,
  }: Pick<Site, "edit" | "budget"> & {
    readonly freed: Map<string, TensorFacts>;
  },
  opset: number,
): void {
  for (const name of node.inputs) {
    const value = edit.value(name);
    if (value && !freed.has(name)) freed.set(name, { ...value, value });
  }
  inferNode(freed, node, { opset, budget });
}

/** Whether each tensor kept its axes, and at most one of its sizes grew, as the batch did. */
function growsWithBatch({ batch, fixed, freed }: Pick<Site, "batch" | "fixed" | "freed">): boolean {
  return [...fixed].every(([name, { shape }]) => {
    const grown = freed.get(name)?.shape;
    if (!grown) return true;
    const changed = shape.flatMap((size, axis) => (grown[axis] === size ? [] : [axis]));
    const isScaled = changed.every((axis) => grown[axis]! * batch === shape[axis]! * (batch + 1));
    return grown.length === shape.length && changed.length <= 1 && isScaled;
  });
}

function followsBatch(graph: Graph, budget: Budget): boolean {
  const { small, large } = factsForAnyBatch(graph, budget);
  return graph.outputs.every(
    ({ name }) => small.get(name)?.shape[0] === 2 && large.get(name)?.shape[0] === 3,
  );
}
