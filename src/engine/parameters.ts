// Which initializers of a graph are trained: those that reach an output through differentiable inputs.
import type { Graph, Node } from "../graph/graph.ts";
import { isFloat } from "../graph/tensorData.ts";
import { isFloatCode } from "../graph/typeCodes.ts";
import { signatures } from "./signatures.ts";

/** What these compute does not change with small changes of their inputs. */
const notDifferentiable = new Set([
  "ArgMax",
  "ArgMin",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonZero",
  "Shape",
  "Size",
]);

/** Positions of the running mean and variance, which training measures. */
const runningStatistics: readonly number[] = [3, 4];

/** Whether the input at this position enters what the node computes with a gradient. */
function isDifferentiable(node: Node, position: number): boolean {
  if (notDifferentiable.has(node.operator)) return false;
  if (node.operator === "BatchNormalization") return !runningStatistics.includes(position);
  if (node.operator === "Cast") {
    const to = node.attributes.to;
    return to?.type === "int" && isFloatCode(to.value);
  }
  return !signatures.get(node.operator)?.host.has(position);
}

/**
 * Names of the float initializers that training changes. Single numbers without an axis are parts of
 * formulas, such as the 0.5 of a GELU, and stay as they are.
 */
export function trainedInitializers(graph: Graph): Set<string> {
  const reaching = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => reaching.has(name))) continue;
    node.inputs.forEach((name, position) => {
      if (isDifferentiable(node, position)) reaching.add(name);
    });
  }
  const trained = [...graph.initializers].filter(
    ([name, { dtype, shape }]) => reaching.has(name) && isFloat(dtype) && shape.length > 0,
  );
  return new Set(trained.map(([name]) => name));
}

/** Tensors whose values change when the parameters do. */
export function tensorsOfParameters(graph: Graph, parameters: Iterable<string>): Set<string> {
  const changing = new Set(parameters);
  for (const node of graph.nodes) {
    const fixed = node.operator === "Shape" || node.operator === "Size";
    if (fixed || !node.inputs.some((name) => changing.has(name))) continue;
    for (const name of node.outputs) changing.add(name);
  }
  return changing;
}
