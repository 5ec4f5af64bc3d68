// Refuses work beyond all reason before it starts, so that a hostile file can neither fill the memory
// nor run for hours.
import { ModelError } from "../errors.ts";
import { countCost } from "../graph/cost.ts";
import { describeNode, elementCount, elementSize, type Graph } from "../graph/graph.ts";
import type { TensorFacts } from "../graph/shapes.ts";
import type { Plan } from "./plan.ts";

/** Multiply-accumulate operations, and elements written, beyond which a forward pass is refused. */
const mostWork = 1e13;

/** Throws ModelError where one forward pass would take absurd work or more than the free memory. */
export function assertAffordable(
  graph: Graph,
  plan: Plan,
  facts: ReadonlyMap<string, TensorFacts>,
): void {
  checkWork(graph, plan, facts);
  checkMemory(plan, facts);
}

function checkWork(graph: Graph, plan: Plan, facts: ReadonlyMap<string, TensorFacts>): void {
  const nodes = plan.steps.map(({ node }) => node);
  const { macs } = countCost({ ...graph, nodes }, facts);
  const written = nodes.reduce((total, node) => {
    const window = node.attributes.kernel_shape;
    const each = window?.type === "ints" ? elementCount(window.value) : 1;
    const elements = node.outputs.reduce(
      (sum, name) => sum + elementCount(facts.get(name)?.shape ?? [0]),
      0,
    );
    return total + elements * each;
  }, 0);
  const work = Math.max(macs, written);
  if (work > mostWork) {
    throw new ModelError(
      `one forward pass takes ${work.toExponential(1)} operations, more than the limit of ${mostWork.toExponential(0)}`,
    );
  }
}

function checkMemory(plan: Plan, facts: ReadonlyMap<string, TensorFacts>): void {
  const bytesOf = (name: string) => {
    const known = facts.get(name);
    return known ? elementCount(known.shape) * elementSize[known.dtype] : 0;
  };
  const available = process.availableMemory();
  let live = 0;
  for (const { node, outputs, release } of plan.steps) {
    for (const name of outputs) live += bytesOf(name);
    if (live > available) {
      throw new ModelError(
        `${describeNode(node)}: ${gibibytes(live)} are needed at this point, but ${gibibytes(available)} are free`,
      );
    }
    for (const name of release) live -= bytesOf(name);
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
