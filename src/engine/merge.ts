// Runs a ReLU with the operator before it: batch norm in training has a kernel for both, and so has a convolution
// outside of it, with what is added to it in between. Elsewhere the ReLU overwrites what the operator made, which
// nothing else reads.
import type { Node } from "../graph/graph.ts";
import { operator, type Tensor } from "../torch/index.ts";
import { type BatchNormInputs, trainBatchNorm } from "./batchNorm.ts";
import { convolutionRelu } from "./convolutionRelu.ts";
import type { Operator } from "./operator.ts";
import { findOperator } from "./table.ts";

/** A node, or several that run as one: then the first one's inputs, the last one's outputs. */
export interface FusedNode {
  readonly node: Node;
  readonly outputs: readonly string[];
  readonly operator?: Operator;
}

/** Operators whose first output is new memory that their own gradient does not need. */
const overwritable = new Set(["Add", "BatchNormalization", "Conv", "Gemm"]);

const reluInPlace = operator("aten::relu_");

interface MergeOptions {
  readonly opset: number;
  readonly training: boolean;
  /** How often each tensor is read. */
  readonly readers: ReadonlyMap<string, number>;
}

/** Joins each ReLU with the operator before it where it alone reads that one's output. */
export function mergeRelu(calls: readonly FusedNode[], options: MergeOptions): FusedNode[] {
  const { opset, training, readers } = options;
  const relus = new Map(
    calls.filter(({ node }) => node.operator === "Relu").map((call) => [call.node.inputs[0], call]),
  );
  const makers = new Map(calls.map((call) => [call.node.outputs[0], call]));
  const absorbed = new Set<FusedNode>();
  const merged = calls.map((call): FusedNode => {
    const { node } = call;
    const relu = relus.get(node.outputs[0]);
    const first = overwritable.has(node.operator) ? findOperator(node, opset) : undefined;
    if (!relu || !first || !isReadOnce(node, readers)) return call;
    absorbed.add(relu);
    const { outputs } = relu;
    if (training) {
      const isNorm = node.operator === "BatchNormalization";
      return { node, outputs, operator: isNorm ? batchNormRelu : overwriting(first) };
    }
    if (node.operator === "Conv") return { node, outputs, operator: convolutionRelu as Operator };
    const layer = node.operator === "Add" ? summand(node, { makers, readers }) : undefined;
    if (!layer) return { node, outputs, operator: overwriting(first) };
    absorbed.add(layer);
    const [x = "", weight = "", bias = ""] = layer.node.inputs;
    const addend = node.inputs.find((name) => name !== layer.node.outputs[0])!;
    const inputs = [x, weight, bias, addend];
    return { node: { ...layer.node, inputs }, outputs, operator: convolutionRelu as Operator };
  });
  return merged.filter((call) => !absorbed.has(call));
}

/** The last convolution that an addition of two reads, where nothing else reads it. */
function summand(
  { inputs }: Node,
  {
    makers,
    readers,
  }: { makers: ReadonlyMap<string | undefined, FusedNode> } & Pick<MergeOptions, "readers">,
): FusedNode | undefined {
  if (new Set(inputs).size < 2) return undefined;
  const layers = inputs.map((name) => makers.get(name));
  return layers.findLast(
    (call) => call?.node.operator === "Conv" && isReadOnce(call.node, readers),
  );
}

/** Whether the first output is read in one place, and no other at all. */
function isReadOnce({ outputs: [first, ...others] }: Node, readers: MergeOptions["readers"]) {
  return readers.get(first ?? "") === 1 && !others.some((name) => readers.has(name));
}

const batchNormRelu: Operator = (inputs: BatchNormInputs, attributes, call) =>
  trainBatchNorm(inputs, attributes, { ...call, withRelu: true });

function overwriting(first: Operator): Operator {
  return (inputs, attributes, call) => {
    const result = first(inputs, attributes, call);
    return reluInPlace(Array.isArray(result) ? (result[0] as Tensor) : (result as Tensor));
  };
}
