// How the tensors of a graph hang together: who makes them, who reads them, and which ones
// every path from input to output passes through.
import { append } from "../lists.ts";
import type { Graph, Node } from "./graph.ts";

/** Nodes and graphs are immutable, and analyses ask again and again. */
const read = new WeakMap<Node, readonly string[]>();
const free = new WeakMap<Graph, ReadonlySet<string>>();

/** All tensors that a node reads: its inputs, and what its subgraphs take from around them. */
export function readTensors(node: Node): readonly string[] {
  const known = read.get(node);
  if (known) return known;
  const names = node.inputs.filter((name) => name !== "");
  for (const { type, value } of Object.values(node.attributes)) {
    if (type === "graph") append(names, freeTensors(value));
  }
  read.set(node, names);
  return names;
}

/** Names of all tensors of a graph, those inside of subgraphs excepted. */
export function tensorNames(graph: Graph): Set<string> {
  const names = new Set(graph.initializers.keys());
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.add(name);
  for (const node of graph.nodes) {
    for (const name of [...node.outputs, ...readTensors(node)]) if (name !== "") names.add(name);
  }
  return names;
}

/** The node that makes each tensor. Graph inputs and initializers have none. */
export function producers(graph: Pick<Graph, "nodes">): Map<string, Node> {
  const made = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== "") made.set(name, node);
  }
  return made;
}

/** The nodes that read each tensor, in the graph's order; no entry where there are none. */
export function consumers(graph: Pick<Graph, "nodes">): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(readTensors(node))) {
      const nodes = readers.get(name);
      if (nodes) nodes.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}

/** What is computed from some tensors: the nodes downstream of them and their outputs. */
export function downstream(
  graph: Pick<Graph, "nodes">,
  from: Iterable<string>,
): { nodes: Set<Node>; tensors: Set<string> } {
  const tensors = new Set(from);
  const nodes = new Set<Node>();
  for (const node of graph.nodes) {
    if (!readTensors(node).some((name) => tensors.has(name))) continue;
    nodes.add(node);
    for (const name of node.outputs) tensors.add(name);
  }
  return { nodes, tensors };
}

/** What some tensors are computed from: the nodes upstream of them and all tensors these read. */
export function upstream(
  graph: Pick<Graph, "nodes">,
  to: Iterable<string>,
): { nodes: Set<Node>; tensors: Set<string> } {
  const tensors = new Set(to);
  const nodes = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => tensors.has(name))) continue;
    nodes.add(node);
    for (const name of readTensors(node)) tensors.add(name);
  }
  return { nodes, tensors };
}

/**
 * The tensors that every path from `input` to `output` passes through, both included, in order.
 * Tensors for which `isConstant` holds carry no path: shape arithmetic is none. Empty where `output`
 * does not depend on `input`.
 */
export function dominators(
  graph: Pick<Graph, "nodes">,
  { input, output, isConstant }: DominatorOptions,
): string[] {
  const carrying = graph.nodes.filter((node) =>
    node.outputs.some((name) => name !== "" && !isConstant(name)),
  );
  const after = downstream({ nodes: carrying }, [input]);
  const before = upstream({ nodes: carrying }, [output]);
  const path = new Set<string>();
  for (const name of after.tensors) {
    if (before.tensors.has(name) && !isConstant(name)) path.add(name);
  }
  if (!path.has(output)) return [];

  const onPath = (name: string) => path.has(name);
  const nodes = carrying.filter((node) => after.nodes.has(node) && before.nodes.has(node));
  const reads = nodes.map((node) => new Set(readTensors(node).filter(onPath)));
  const readsLeft = new Map<string, number>([[output, 1]]);
  for (const names of reads) {
    for (const name of names) readsLeft.set(name, (readsLeft.get(name) ?? 0) + 1);
  }

  // Every node on a path runs either before or after a dominator, so at the moment when it has been
  // made it is the only tensor that is still to be read.
  const live = new Set([input]);
  const found = [input];
  nodes.forEach((node, index) => {
    for (const name of reads[index]!) {
      const left = readsLeft.get(name)! - 1;
      readsLeft.set(name, left);
      if (left === 0) live.delete(name);
    }
    const made = node.outputs.filter(onPath);
    for (const name of made) live.add(name);
    if (made.length === 1 && live.size === 1 && live.has(made[0]!)) found.push(made[0]!);
  });
  return found;
}

interface DominatorOptions {
  readonly input: string;
  readonly output: string;
  readonly isConstant: (tensor: string) => boolean;
}

/** What a graph takes from around it. */
function freeTensors(graph: Graph): ReadonlySet<string> {
  const known = free.get(graph);
  if (known) return known;
  const defined = new Set(graph.initializers.keys());
  for (const { name } of graph.inputs) defined.add(name);
  for (const node of graph.nodes) for (const name of node.outputs) defined.add(name);
  const taken = new Set<string>();
  for (const node of graph.nodes) for (const name of readTensors(node)) taken.add(name);
  for (const { name } of graph.outputs) taken.add(name);
  for (const name of defined) taken.delete(name);
  free.set(graph, taken);
  return taken;
}
