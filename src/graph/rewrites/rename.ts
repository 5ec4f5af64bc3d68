// Other names for the same graph.
import { record } from "../../record.ts";
import type { Attribute, Dimension, Graph, Node, ValueInfo } from "../graph.ts";
import { tensorNames } from "../topology.ts";

/**
 * Renames every tensor, inputs and outputs included. `rename` must not map two names to one; the
 * empty name of an omitted input stays.
 */
export function renameTensors(graph: Graph, rename: (name: string) => string): Graph {
  const renamed = (name: string) => (name === "" ? "" : rename(name));
  const info = (value: ValueInfo) => ({ ...value, name: renamed(value.name) });
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
      attributes: mapSubgraphs(node, (inner) => renameTensors(inner, rename)),
    })),
    initializers: new Map([...graph.initializers].map(([name, value]) => [renamed(name), value])),
  };
}

/**
 * The graph with no names but those of its inputs and outputs: tensors are numbered, nodes and the
 * graph have no name, unknown sizes no symbol except the batch size's "N".
 */
export function stripNames(graph: Graph): Graph {
  const kept = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const numbers = new Map<string, string>();
  let next = 0;
  const number = (name: string) => {
    if (kept.has(name)) return name;
    if (!numbers.has(name)) {
      while (kept.has(String(next))) next++;
      numbers.set(name, String(next++));
    }
    return numbers.get(name)!;
  };
  for (const name of tensorNames(graph)) number(name);
  return unnamed(renameTensors(graph, number));
}

function unnamed(graph: Graph): Graph {
  const size = (value: Dimension, axis: number) =>
    typeof value === "number" ? value : axis === 0 ? "N" : "";
  const info = (value: ValueInfo) => ({ ...value, shape: value.shape?.map(size) });
  return {
    ...graph,
    name: "",
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => ({
      ...node,
      name: "",
      attributes: mapSubgraphs(node, unnamed),
    })),
  };
}

function mapSubgraphs(node: Node, rewrite: (graph: Graph) => Graph): Record<string, Attribute> {
  return record(
    Object.entries(node.attributes).map(([name, attribute]) => [
      name,
      attribute.type === "graph" ? { ...attribute, value: rewrite(attribute.value) } : attribute,
    ]),
  );
}
