// Writes a classifier in one form, whatever the exporter's spelling: GlobalAveragePool, Flatten and Gemm with
// a bias. Means over height and width, full-size windows, reshapes, 1x1 convolutions and products with sums
// become these; scales and shifts, batch norm included, go into the weights.
import type { Graph } from "../graph.ts";
import { Head } from "./head.ts";
import { headRules } from "./headRules.ts";

/** The same function in the canonical form and opset 17; the graph itself where its nodes have none. */
export function canonicalHead(graph: Graph): Graph {
  const [input] = graph.inputs;
  const [output, ...others] = graph.outputs;
  if (graph.inputs.length !== 1 || !output || others.length > 0) return graph;
  const head = new Head(graph, input!.name);
  for (const node of graph.nodes) {
    if (node.domain !== "" || !headRules.get(node.operator)?.(node, head)) return graph;
  }
  return head.finish(output.name) ?? graph;
}
