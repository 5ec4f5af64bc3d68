// Takes the branch of an `If` whose condition is known.
import { attribute } from "../attributes.ts";
import { Budget } from "../budget.ts";
import { FreshNames } from "../freshNames.ts";
import type { Graph, Node } from "../graph.ts";
import { operation } from "../operation.ts";
import { tensorNames } from "../topology.ts";
import { factsForAnyBatch } from "./anyBatch.ts";
import { renameTensors } from "./rename.ts";

/** Names of a branch begin with that of its `If`, where that is no longer. */
const longestPrefix = 200;

/** Replaces each `If` whose condition is known by the nodes of the branch. Throws ModelError as inferShapes does. */
export function takeBranches(graph: Graph, budget = new Budget()): Graph {
  if (!graph.nodes.some(isIf)) return graph;
  const facts = factsForAnyBatch(graph, budget);
  const initializers = new Map(graph.initializers);
  const names = {
    tensors: new FreshNames(tensorNames(graph)),
    nodes: new FreshNames(new Set(graph.nodes.map(({ name }) => name))),
  };
  let isChanged = false;
  const nodes = graph.nodes.flatMap((node) => {
    const condition = isIf(node) ? facts.constant(node.inputs[0]!) : undefined;
    const branch =
      condition && attribute(node, condition.data[0] ? "then_branch" : "else_branch", "graph");
    if (!branch) return [node];
    isChanged = true;
    const called = node.name || node.outputs[0]!;
    const prefix = called.length <= longestPrefix ? called : node.operator;
    const prefixed = prefixInner(branch, `${prefix}.`, names);
    for (const [key, value] of prefixed.initializers) initializers.set(key, value);
    const results = node.outputs.flatMap((output, i) => {
      const result = prefixed.outputs[i]?.name;
      return output === "" || result === undefined ? [] : [operation("Identity", [result], output)];
    });
    return [...prefixed.nodes, ...results];
  });
  // A branch may hold an If of its own.
  return isChanged ? takeBranches({ ...graph, nodes, initializers }, budget) : graph;
}

function isIf({ operator, domain }: Node): boolean {
  return operator === "If" && domain === "";
}

function prefixInner(
  branch: Graph,
  prefix: string,
  { tensors, nodes }: { readonly tensors: FreshNames; readonly nodes: FreshNames },
): Graph {
  const own = new Map<string, string>();
  for (const name of branch.initializers.keys()) own.set(name, tensors.next(prefix + name));
  for (const { outputs } of branch.nodes) {
    for (const name of outputs) if (name !== "") own.set(name, tensors.next(prefix + name));
  }
  const renamed = renameTensors(branch, (name) => own.get(name) ?? name);
  return {
    ...renamed,
    nodes: renamed.nodes.map((node) => ({
      ...node,
      name: node.name && nodes.next(prefix + node.name),
    })),
  };
}
