// The version of the operators that int8 needs: scales for each output came with opset 13, and from 21 on ONNX Runtime
// 1.30 fails where it moves integers past a reshape, as it gives them another type there.
import { signatureOf } from "../engine/signatures.ts";
import { ModelError } from "../errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { pooling } from "../graph/traits.ts";
import { integerTensors, reluBeforePooling } from "./int8.ts";

const needed = 13;
const raised = 17;
const lastThatMoves = 20;

/** Operators that mean the same in all versions from opset 9 to 17, in inference. */
const unchanged = new Set([
  ...["Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Flatten", "Reshape", "Transpose"],
  ...["Relu", "LeakyRelu", "PRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Erf", "Concat"],
  ...[...pooling, "ReduceMean", "Identity", "BatchNormalization"],
]);

/** What ONNX Runtime moves integers past. */
const moving = new Set(["Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice"]);

/**
 * The same function in an opset that int8 can be written in. Throws ModelError where an operator would mean something
 * else there.
 */
export function withOpsetForInt8(graph: Graph): Graph {
  if (graph.opset < needed) return raise(graph);
  return graph.opset > lastThatMoves && movesIntegers(graph) ? lower(graph) : graph;
}

function raise(graph: Graph): Graph {
  const others = operatorsUnless(
    graph,
    ({ operator }) =>
      graph.opset >= 9 && (unchanged.has(operator) || (operator === "Clip" && graph.opset >= 11)),
  );
  if (others.length === 0) return { ...graph, opset: raised };
  throw new ModelError(
    `--quantize int8 needs opset ${needed} or later, but the original has opset ${graph.opset} with ` +
      `${others.join(", ")}: export it again with opset ${raised}`,
  );
}

/** Of the operators that opset 20 has, group normalization alone means something else later. */
function lower(graph: Graph): Graph {
  const others = operatorsUnless(
    graph,
    (node) =>
      node.operator !== "GroupNormalization" && signatureOf(node, lastThatMoves) !== undefined,
  );
  if (others.length === 0) return { ...graph, opset: lastThatMoves };
  throw new ModelError(
    `--quantize int8 needs opset ${lastThatMoves} or earlier where a reshape or transpose follows a quantized layer, but ` +
      `the original has opset ${graph.opset} with ${others.join(", ")}: export it again with opset ${lastThatMoves}, ` +
      "or leave int8 out",
  );
}

function movesIntegers(graph: Graph): boolean {
  const prepared = reluBeforePooling(graph);
  const integers = integerTensors(prepared);
  return prepared.nodes.some(
    ({ operator, inputs: [input = ""] }) => moving.has(operator) && integers.has(input),
  );
}

function operatorsUnless({ nodes }: Graph, isSame: (node: Node) => boolean): string[] {
  return [...new Set(nodes.filter((node) => !isSame(node)).map(({ operator }) => operator))];
}
