// Whether what is learned of a network's answers reaches what they are computed from.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph, type Node } from "./graph.ts";
import { inferShapes } from "./shapes.ts";
import { isFloat } from "./tensorData.ts";
import { producers } from "./topology.ts";

/** Operators whose floats are steps, or filled in: they have no gradient, or 0. */
const steps = new Set(["Ceil", "EyeLike", "Floor", "Hardmax", "OneHot", "Round", "Sign"]);

/** Throws ModelError where on every way from the input to the output lie steps or whole numbers. */
export function assertGradient(graph: Graph): void {
  const facts = inferShapes(graph);
  const makers = producers(graph);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const isFloating = (name: string) => isFloat(facts.get(name)?.dtype ?? "float32");
  const reached = new Set(graph.outputs.map(({ name }) => name));
  let last: Node | undefined;
  for (const tensor of reached) {
    if (inputs.has(tensor)) return;
    const node = makers.get(tensor);
    if (!node) continue;
    const origins = steps.has(node.operator) ? [] : node.inputs.filter(isFloating);
    for (const name of origins) reached.add(name);
    if (!origins.some((name) => makers.has(name) || inputs.has(name))) last ??= node;
  }
  if (!last) return;
  throw new ModelError(
    `nothing can be learned of the model's answers: they come out of ${describeNode(last)}, which has no gradient; ` +
      "export the scores that they are made of, or teach the chain by features alone: " +
      "--label-weight 0 --distillation-weight 0",
  );
}
