// Lets the part behind a cut read the batch size off the tensor at the cut.
import { GraphEdit } from "../edit.ts";
import type { Graph, Node, TensorData } from "../graph.ts";
import { toNumbers } from "../tensorData.ts";
import { downstream } from "../topology.ts";
import { factsForAnyBatch } from "./anyBatch.ts";
import { batchSizes } from "./batchSizes.ts";

/**
 * The graph with `Shape` of what comes before `tensor` replaced by the batch size of `tensor` and
 * constants: exporters read the batch size off the graph's input wherever they need it. The nodes
 * are in order only for a subgraph that has `tensor` as an input.
 */
export function readBatchFrom(graph: Graph, tensor: string): Graph {
  const isShape = ({ operator, domain }: Node) => operator === "Shape" && domain === "";
  if (!graph.nodes.some(isShape)) return graph;
  const { small, large } = factsForAnyBatch(graph);
  const [two, three] = [small, large].map((facts) => facts.get(tensor)?.shape[0]);
  if (two !== 2 || three !== 3) return graph;

  const after = downstream(graph, [tensor]).tensors;
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.flatMap((node) => {
    if (!isShape(node) || after.has(node.inputs[0]!)) return [node];
    const output = node.outputs[0]!;
    const [sizes, others] = [small, large].map((facts) => numbersOf(facts.get(output)?.value));
    const isBatchFirst = sizes?.[0] === 2 && String(others) === String(sizes.with(0, 3));
    if (!isBatchFirst) return [node];
    return batchSizes(tensor, { rest: sizes.slice(1), output, edit });
  });
  return edit.result(nodes);
}

function numbersOf(value: TensorData | undefined): number[] | undefined {
  return value && toNumbers(value);
}
