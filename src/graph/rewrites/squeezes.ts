// A `Squeeze` without axes, as PyTorch's .squeeze() exports, takes the batch away as well where it is of one image.
import { ints } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { factsForAnyBatch } from "./anyBatch.ts";

/**
 * The graph with each `Squeeze` given the axes that it takes in a batch of several images. Throws ModelError where
 * shapes contradict each other.
 */
export function nameSqueezedAxes(graph: Graph): Graph {
  if (!graph.nodes.some(isWithoutAxes)) return graph;
  const { small, large } = factsForAnyBatch(graph);
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.map((node) => {
    const [x = ""] = node.inputs;
    const [shape, other] = [small, large].map((facts) => facts.get(x)?.shape);
    // Of a fixed batch nothing tells which axis holds it.
    if (!isWithoutAxes(node) || !shape || String(shape) === String(other)) return node;
    const axes = shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
    // No axes at all would mean every one again.
    if (axes.length === 0) return passOn(node);
    if (graph.opset < 13) {
      return { ...node, attributes: { ...node.attributes, axes: ints(axes) } };
    }
    return { ...node, inputs: [x, edit.integers(`${node.outputs[0]}.axes`, axes)] };
  });
  return edit.result(nodes);
}

function isWithoutAxes({ operator, domain, inputs, attributes }: Node): boolean {
  return operator === "Squeeze" && domain === "" && !inputs[1] && attributes.axes === undefined;
}
