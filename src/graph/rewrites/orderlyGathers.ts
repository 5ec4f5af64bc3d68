// What PyTorch's dynamo exporter makes of `as_strided` where it changes nothing: the tensor is flattened, and all of
// its elements are gathered in their order, by indices that are computed from the batch size.
import { GraphEdit } from "../edit.ts";
import type { Graph, Node } from "../graph.ts";
import type { Facts } from "../shapes.ts";
import { toNumbers } from "../tensorData.ts";
import { producers } from "../topology.ts";
import type { AnyBatch } from "./anyBatch.ts";

/** The graph with such a `Gather` as a `Reshape` of what was flattened. */
export function reshapeOrderlyGathers(graph: Graph, { small, large }: AnyBatch): Graph {
  const made = producers(graph);
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.map((node): Node => {
    const flattening = made.get(node.inputs[0] ?? "");
    if (node.operator !== "Gather" || node.domain !== "") return node;
    if (flattening?.operator !== "Reshape" || flattening.domain !== "") return node;
    if (![small, large].every((facts) => takesAllInOrder(node, facts))) return node;
    const [source = "", output = ""] = [flattening.inputs[0], node.outputs[0]];
    const [before, after] = [source, output].map((name) =>
      [small, large].map((facts) => facts.get(name)!.shape),
    ) as [number[][], number[][]];
    const [first, ...rest] = after[0]!;
    const keepsBatch = after.every((shape, i) => shape[0] === before[i]![0]);
    if (!first || !keepsBatch || String(after[1]!.slice(1)) !== String(rest)) return node;
    const target = edit.integers(`${output}.shape`, [0, ...rest]);
    return { ...node, operator: "Reshape", inputs: [source, target], attributes: {} };
  });
  return edit.result(nodes);
}

/** Whether a node gathers each element of a vector once, from the first to the last. */
export function takesAllInOrder({ inputs }: Node, facts: Facts): boolean {
  const [vector, indices] = inputs.map((name) => facts.get(name));
  if (vector?.shape.length !== 1 || !indices?.value) return false;
  const order = toNumbers(indices.value);
  return order.length === vector.shape[0] && order.every((index, i) => index === i);
}
