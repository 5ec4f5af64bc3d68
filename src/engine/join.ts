// Runs convolutions of the same tensor as one, as an inception module's branches begin: it reads the tensor
// once, and the tensor's gradient is no sum of theirs.
import type { Node, TensorData } from "../graph/graph.ts";
import { operator, type Tensor } from "../torch/index.ts";
import { cat } from "./aten.ts";
import { type Attributes, readAttributes } from "./attributes.ts";
import type { FusedNode } from "./merge.ts";
import type { OperatorContext } from "./operator.ts";
import { Conv } from "./ops/convolution.ts";

const splitWithSizes = operator<Tensor[]>("aten::split_with_sizes");

/** Joins convolutions that have the input and all attributes in common, and weights of one shape but for the outputs. */
export function joinConvolutions(
  calls: readonly FusedNode[],
  weights: ReadonlyMap<string, TensorData>,
): FusedNode[] {
  const siblings = new Map<string, FusedNode[]>();
  const keys = calls.map(({ node }) => keyOf(node, weights));
  calls.forEach((call, index) => {
    const key = keys[index];
    if (key !== undefined) siblings.set(key, [...(siblings.get(key) ?? []), call]);
  });
  return calls.flatMap((call, index) => {
    const group = siblings.get(keys[index] ?? "") ?? [call];
    if (group.length === 1) return [call];
    return group[0] === call ? [joined(group, weights)] : [];
  });
}

/** Equal for convolutions that may be joined; undefined for all else. */
function keyOf(node: Node, weights: ReadonlyMap<string, TensorData>): string | undefined {
  const [x, weight = "", bias = ""] = node.inputs;
  const shape = weights.get(weight)?.shape;
  if (node.operator !== "Conv" || !shape || bias !== "") return undefined;
  const { group = 1, ...attributes } = readAttributes(node);
  return group === 1 ? JSON.stringify([x, attributes, shape.slice(1)]) : undefined;
}

function joined(group: readonly FusedNode[], weights: ReadonlyMap<string, TensorData>): FusedNode {
  const { node } = group[0]!;
  const names = group.map((call) => call.node.inputs[1]!);
  const sizes = names.map((name) => weights.get(name)!.shape[0]!);
  const outputs = group.flatMap((call) => call.outputs);
  return {
    node: { ...node, inputs: [node.inputs[0]!, ...names], outputs },
    outputs,
    operator: (
      [x, ...parts]: [Tensor, ...Tensor[]],
      attributes: Attributes,
      call: OperatorContext,
    ) => splitWithSizes(Conv([x, cat(parts, 0)], attributes, call), sizes, 1),
  };
}
