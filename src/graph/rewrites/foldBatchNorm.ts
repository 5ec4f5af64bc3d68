// Folds batch normalization in inference form into the convolution before it.
import { Budget } from "../budget.ts";
import { scaleSlices } from "../channelSlices.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node, TensorData } from "../graph.ts";
import { fromFloat32, toNumbers } from "../tensorData.ts";
import { consumers, producers } from "../topology.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { type Affine, affineOfBatchNorm } from "./linearLayers.ts";

/**
 * The graph with every batch normalization folded that follows a convolution whose result nothing
 * else reads. Max pooling may stand between them where all scales are positive, since such a
 * normalization does not change which element is the largest. Only float32 weights are folded. Throws
 * ModelError where weights that are shared become too many.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const made = producers(graph);
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const edit = new GraphEdit(graph);
  const budget = new Budget();
  const replaced = new Map<Node, Node | undefined>();

  for (const node of graph.nodes) {
    if (node.operator !== "BatchNormalization" || node.domain !== "") continue;
    const scaling = isOfFloat32(node, graph) ? affineOfBatchNorm(node, graph) : undefined;
    const chain = scaling && convolutionBefore(node);
    if (!chain || (chain.length > 1 && !scaling.scale.every((value) => value > 0))) continue;
    const conv = chain.at(-1)!;
    const [weight, bias] = [conv.inputs[1]!, conv.inputs[2] ?? ""].map((name) => edit.value(name));
    if (weight?.dtype !== "float32" || weight.shape[0] !== scaling.scale.length) continue;
    if (conv.inputs[2] && !bias) continue;
    const inputs = [
      conv.inputs[0]!,
      fresh(conv.inputs[1]!, node),
      fresh(conv.inputs[2] || node.inputs[2]!, node),
    ];
    edit.set(inputs[1]!, scaleSlices(weight, { axis: 0, factors: scaling.scale }));
    edit.set(inputs[2]!, foldedBias(bias, scaling));
    replaced.set(conv, { ...conv, inputs });
    replaced.set(node, undefined);
    // What stood right before the normalization takes the name of its result.
    const last = chain[0]!;
    replaced.set(last, { ...(replaced.get(last) ?? last), outputs: [node.outputs[0]!] });
  }
  const nodes = graph.nodes
    .map((node) => (replaced.has(node) ? replaced.get(node) : node))
    .filter((node) => node !== undefined);
  return eliminateDeadNodes(edit.result(nodes));

  /** From the node right before the normalization back to the convolution. */
  function convolutionBefore(node: Node): Node[] | undefined {
    const chain: Node[] = [];
    let tensor = node.inputs[0]!;
    for (;;) {
      const source = made.get(tensor);
      if (source?.domain !== "" || readers.get(tensor)!.length > 1) return undefined;
      if (outputs.has(tensor) || source.outputs.filter(Boolean).length > 1) return undefined;
      if (replaced.has(source)) return undefined;
      chain.push(source);
      if (source.operator === "Conv") return chain;
      if (source.operator !== "MaxPool") return undefined;
      tensor = source.inputs[0]!;
    }
  }

  /** A name for changed values: the old one where only one node reads it. */
  function fresh(name: string, node: Node): string {
    const isShared = (readers.get(name)?.length ?? 0) > 1;
    if (!isShared) return name;
    // Weights that many convolutions share become many.
    budget.spend(node, { bytes: graph.initializers.get(name)!.data.length });
    return edit.name(name);
  }
}

/** Whether all that a normalization multiplies by and adds is of float32. */
function isOfFloat32(node: Node, { initializers }: Graph): boolean {
  return node.inputs.slice(1).every((name) => initializers.get(name)?.dtype === "float32");
}

function foldedBias(bias: TensorData | undefined, { scale, shift }: Affine): TensorData {
  const before = bias && toNumbers(bias);
  const values = shift.map((value, i) => value + (before?.[i] ?? 0) * scale[i]!);
  return fromFloat32([scale.length], Float32Array.from(values));
}
