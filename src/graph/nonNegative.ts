// Whether values are never negative, as far as the operators that made them tell.
import { attribute } from "./attributes.ts";
import type { Graph, Node } from "./graph.ts";
import { toNumbers } from "./tensorData.ts";
import { moving, passing, pooling, reshaping } from "./traits.ts";

/** When an operator's results are not negative. */
type Condition = "always" | "where the first input is not" | "where no input is";

const operators: Readonly<Record<Condition, readonly string[]>> = {
  always: [
    ...["Relu", "Sigmoid", "HardSigmoid", "Softplus", "Softmax", "Hardmax"],
    ...["Abs", "Exp", "Sqrt", "ReduceL1", "ReduceL2", "ReduceSumSquare", "LpPool", "GlobalLpPool"],
  ],
  "where the first input is not": [
    ...[...passing, ...reshaping, ...moving, ...pooling],
    ...["ReduceMax", "ReduceMin", "ReduceMean", "ReduceSum", "ReduceProd"],
    ...["Cast", "Expand", "Gather", "LRN", "LpNormalization", "Pow", "Tile"],
  ],
  "where no input is": ["Add", "Sum", "Mean", "Mul", "Div", "Min", "Concat"],
};

const conditions: ReadonlyMap<string, Condition> = new Map(
  (Object.keys(operators) as Condition[]).flatMap((condition) =>
    operators[condition].map((operator) => [operator, condition] as const),
  ),
);

/** Whether a graph's first output is never negative, whatever the input. */
export function isNeverNegative(graph: Graph): boolean {
  const found = new Set<string>();
  const holds = (name: string) =>
    found.has(name) || valuesOf(graph, name)?.every((value) => value >= 0) === true;
  for (const node of graph.nodes) {
    if (node.domain !== "" || !givesNonNegative(node, holds)) continue;
    for (const output of node.outputs) found.add(output);
  }
  return holds(graph.outputs[0]?.name ?? "");
}

/** Whether the results of a standard operator are never negative, where `holds` tells that of what it reads. */
export function givesNonNegative(node: Node, holds: (name: string) => boolean): boolean {
  const { operator, inputs } = node;
  if (operator === "Max") return inputs.some(holds);
  if (operator === "Clip") {
    const [, least = ""] = inputs; // "" is an input that is left out, and the name of outputs that are
    return (least !== "" && holds(least)) || (attribute(node, "min", "float") ?? Number.NaN) >= 0;
  }
  const condition = conditions.get(operator);
  if (condition === "where no input is") return inputs.every(holds);
  return condition === "always" || (condition !== undefined && holds(inputs[0]!));
}

function valuesOf(graph: Graph, name = ""): readonly number[] | undefined {
  const constant = graph.initializers.get(name);
  return constant && toNumbers(constant);
}
