// Runs a ReLU with the operator before it: batch norm in training has a kernel for both, and elsewhere
// the ReLU overwrites what the operator made, which nothing else reads.
import type { Node } from "../graph/graph.ts";
import { operator, type Tensor } from "../torch/index.ts";
import { type BatchNormInputs, trainBatchNorm } from "./batchNorm.ts";
import type { Operator } from "./operator.ts";
import { findOperator } from "./table.ts";

/** A node, or two that run as one: then the first one's inputs, the second one's outputs. */
export interface FusedNode {
  readonly node: Node;
  readonly outputs: readonly string[];
  readonly operator?: Operator;
}

/** Operators whose first output is new memory that their own gradient does not need. */
const overwritable = new Set(["Add", "BatchNormalization", "Conv", "Gemm"]);

const reluInPlace = operator("aten::relu_");

/** Joins each ReLU with the operator before it where it alone reads that one's output. */
export function mergeRelu(
  calls: readonly FusedNode[],
  options: { opset: number; training: boolean; readers: ReadonlyMap<string, number> },
): FusedNode[] {
  const { opset, training, readers } = options;
  const relus = new Map(
    calls.filter(({ node }) => node.operator === "Relu").map((call) => [call.node.inputs[0], call]),
  );
  const absorbed = new Set<FusedNode>();
  const merged = calls.map((call) => {
    const { node } = call;
    const [y, ...others] = node.outputs;
    const relu = relus.get(y);
    const alone = y !== undefined && readers.get(y) === 1 && !others.some((o) => readers.has(o));
    const first = overwritable.has(node.operator) ? findOperator(node, opset) : undefined;
    if (!relu || !alone || !first) return call;
    absorbed.add(relu);
    const isTrained = training && node.operator === "BatchNormalization";
    return {
      node,
      outputs: relu.outputs,
      operator: isTrained ? batchNormRelu : overwriting(first),
    };
  });
  return merged.filter((call) => !absorbed.has(call));
}

const batchNormRelu: Operator = (inputs: BatchNormInputs, attributes, call) =>
  trainBatchNorm(inputs, attributes, { ...call, withRelu: true });

function overwriting(first: Operator): Operator {
  return (inputs, attributes, call) => {
    const result = first(inputs, attributes, call);
    return reluInPlace(Array.isArray(result) ? (result[0] as Tensor) : (result as Tensor));
  };
}
