// Takes the branch of an `If` whose condition is known.
import { attribute } from "../attributes.ts";
import type { Graph, Node } from "../graph.ts";
import { factsForAnyBatch } from "./anyBatch.ts";
import { renameTensors } from "./rename.ts";

/** Replaces each `If` whose condition is known by the nodes of the branch. */
export function takeBranches(graph: Graph): Graph {
  if (!graph.nodes.some(({ operator }) => operator === "If")) return graph;
  const facts = factsForAnyBatch(graph);
  const initializers = new Map(graph.initializers);
  let isChanged = false;
  const nodes = graph.nodes.flatMap((node) => {
    const condition = node.operator === "If" && facts.constant(node.inputs[0]!);
    if (!condition) return [node];
    const name = condition.data[0] ? "then_branch" : "else_branch";
    const branch = attribute(node, name, "graph")!;
    isChanged = true;
    const prefixed = prefixInner(branch, `${node.name || node.outputs[0]}.`);
    for (const [key, value] of prefixed.initializers) initializers.set(key, value);
    const results = prefixed.outputs.map(({ name: result }, i) =>
      identity(result, node.outputs[i]!),
    );
    return [...prefixed.nodes, ...results];
  });
  // A branch may hold an If of its own.
  return isChanged ? takeBranches({ ...graph, nodes, initializers }) : graph;
}

function prefixInner(branch: Graph, prefix: string): Graph {
  const own = new Set([
    ...branch.initializers.keys(),
    ...branch.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const renamed = renameTensors(branch, (name) => (own.has(name) ? prefix + name : name));
  return {
    ...renamed,
    nodes: renamed.nodes.map((node) => ({ ...node, name: prefix + node.name })),
  };
}

function identity(from: string, to: string): Node {
  const io = { inputs: [from], outputs: [to] };
  return { name: "", operator: "Identity", domain: "", attributes: {}, ...io };
}
