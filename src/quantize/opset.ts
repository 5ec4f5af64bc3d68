// The version of the operators that int8 needs: scales for each output came with opset 13.
import { ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";

const needed = 13;
const raised = 17;

/** Operators that mean the same in all versions from opset 9 to 17, in inference. */
const unchanged = new Set([
  ...["Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Flatten", "Reshape", "Transpose"],
  ...["Relu", "LeakyRelu", "PRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Erf", "Concat"],
  ...["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Identity"],
  "BatchNormalization",
]);

/**
 * The same function in an opset that int8 can be written in. Throws ModelError where an operator would mean something
 * else there.
 */
export function withOpsetForInt8(graph: Graph): Graph {
  if (graph.opset >= needed) return graph;
  const isSame = (operator: string) =>
    graph.opset >= 9 && (unchanged.has(operator) || (operator === "Clip" && graph.opset >= 11));
  const others = graph.nodes.map(({ operator }) => operator).filter((each) => !isSame(each));
  if (others.length === 0) return { ...graph, opset: raised };
  throw new ModelError(
    `--quantize int8 needs opset ${needed} or later, but the original has opset ${graph.opset} with ` +
      `${[...new Set(others)].join(", ")}: export it again with opset ${raised}`,
  );
}
