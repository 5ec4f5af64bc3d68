// The rules that hold between the names of a graph: every tensor is defined once (outer graphs included), every
// name that is read is defined, no cycles; and the order of nodes that follows.

import { type Attribute, describeNode, type Graph, type Node } from "../graph/graph.ts";
import { record } from "../record.ts";
import { isVisible } from "../text.ts";
import { type Problems, quote } from "./problems.ts";

/** Index of the node that defines a name; -1 for inputs and initializers. */
type Definitions = ReadonlyMap<string, number>;

/**
 * The same graph with its nodes, and those of its subgraphs, in topological order. Nodes keep their order where
 * it is possible.
 */
export function orderGraph(graph: Graph, problems: Problems): Graph {
  checkNodeNames(graph, problems);
  return order(graph, [], problems).graph;
}

function order(
  graph: Graph,
  outer: readonly Definitions[],
  problems: Problems,
): { graph: Graph; outerNames: ReadonlySet<string> } {
  const definitions = define(graph, outer, problems);
  const outerNames = new Set<string>();

  /** The node that a name depends on, if it is one of this graph's. */
  function resolve(name: string, reader: () => string): number {
    const definition = definitions.get(name);
    if (definition !== undefined) return definition;
    if (outer.some((names) => names.has(name))) outerNames.add(name);
    else problems.add(`${reader()} reads ${quote(name)}, which nothing defines`);
    return -1;
  }

  const dependencies: number[][] = [];
  const nodes = graph.nodes.map((node) => {
    const needed = node.inputs
      .filter((name) => name !== "")
      .map((name) => resolve(name, () => describeNode(node)));
    const attributes = orderSubgraphs(node, (subgraph) => {
      const ordered = order(subgraph, [...outer, definitions], problems);
      for (const name of ordered.outerNames) needed.push(resolve(name, () => describeNode(node)));
      return ordered.graph;
    });
    dependencies.push(needed.filter((index) => index >= 0));
    return attributes === node.attributes ? node : { ...node, attributes };
  });
  for (const { name } of graph.outputs) resolve(name, () => `output ${quote(name)}`);
  const sequence = sort(dependencies, (cycle) => {
    const members = cycle.slice(0, 5).map((index) => describeNode(nodes[index]!));
    problems.add(`nodes depend on each other in a cycle: ${members.join(", ")}`);
  });
  return { graph: { ...graph, nodes: sequence.map((index) => nodes[index]!) }, outerNames };
}

function orderSubgraphs(node: Node, orderSubgraph: (graph: Graph) => Graph): Node["attributes"] {
  const entries = Object.entries(node.attributes);
  if (!entries.some(([, { type }]) => type === "graph")) return node.attributes;
  return record(
    entries.map(([name, attribute]): [string, Attribute] => [
      name,
      attribute.type === "graph"
        ? { type: "graph", value: orderSubgraph(attribute.value) }
        : attribute,
    ]),
  );
}

function define(graph: Graph, outer: readonly Definitions[], problems: Problems): Definitions {
  const definitions = new Map<string, number>();
  const add = (name: string, index: number, what: () => string): void => {
    if (name === "") problems.add(`${what()} has no name`);
    else if (!isVisible(name)) problems.add(`${what()} has control characters in its name`);
    else if (definitions.has(name)) problems.add(`${what()} is defined more than once`);
    else if (outer.some((names) => names.has(name)))
      problems.add(`${what()} has the name of a tensor of the graph around it`);
    definitions.set(name, index);
  };
  for (const { name } of graph.inputs) add(name, -1, () => `input ${quote(name)}`);
  for (const name of graph.initializers.keys()) add(name, -1, () => `initializer ${quote(name)}`);
  for (const [index, node] of graph.nodes.entries())
    for (const name of node.outputs)
      if (name !== "") add(name, index, () => `output ${quote(name)} of ${describeNode(node)}`);
  return definitions;
}

/** Depth-first from each node in turn, without recursion: a chain may have 100,000 nodes. */
function sort(
  dependencies: readonly (readonly number[])[],
  reportCycle: (members: readonly number[]) => void,
): number[] {
  const sequence: number[] = [];
  const open = 1;
  const done = 2;
  const state = new Uint8Array(dependencies.length);
  const next = new Uint32Array(dependencies.length);
  for (const root of dependencies.keys()) {
    if (state[root] !== 0) continue;
    const path = [root];
    state[root] = open;
    while (path.length > 0) {
      const index = path.at(-1)!;
      const dependency = dependencies[index]![next[index]!++];
      if (dependency === undefined) {
        state[index] = done;
        sequence.push(index);
        path.pop();
      } else if (state[dependency] === open) {
        reportCycle(path.slice(path.indexOf(dependency)));
        return [...dependencies.keys()];
      } else if (state[dependency] === 0) {
        state[dependency] = open;
        path.push(dependency);
      }
    }
  }
  return sequence;
}

/** Names of nodes: unique where they are given, as ONNX Runtime demands. */
function checkNodeNames(graph: Graph, problems: Problems): void {
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    if (node.name !== "" && seen.has(node.name))
      problems.add(`${describeNode(node)}: the name belongs to another node too`);
    seen.add(node.name);
    if (node.operator === "") problems.add(`node ${quote(node.name)} has no operator`);
    if (![node.name, node.operator, node.domain, ...Object.keys(node.attributes)].every(isVisible))
      problems.add(`${describeNode(node)} has control characters in a name`);
    for (const attribute of Object.values(node.attributes))
      if (attribute.type === "graph") checkNodeNames(attribute.value, problems);
  }
}
