// Refuses work beyond all reason before it starts, so that a hostile file can neither fill the memory
// nor run for hours.
import { ModelError } from "../errors.ts";
import { Budget } from "../graph/budget.ts";
import { countCost } from "../graph/cost.ts";
import { describeNode, elementCount, elementSize, type Graph, type Node } from "../graph/graph.ts";
import { Call } from "../graph/shapes/call.ts";
import { readEquation } from "../graph/shapes/equation.ts";
import type { Facts } from "../graph/shapes.ts";
import type { Program } from "./program.ts";

/**
 * Work beyond which a forward pass is refused, in all and for each image, in multiply-accumulate
 * operations. The largest published classifiers take 6e11 an image.
 */
const [mostWork, mostWorkPerImage] = [1e13, 1e12];

/** What writing an element, and looking at one under a pooling window, costs in such operations. */
const [costOfElement, costOfPooling] = [100, 500];

/** Throws ModelError where one forward pass would take absurd work or more than the free memory. */
export function assertAffordable(graph: Graph, program: Program, facts: Facts): void {
  checkMemory(program, facts);
  checkWork(graph, program, facts);
}

function checkWork(graph: Graph, program: Program, facts: Facts): void {
  const nodes = program.steps.map(({ node }) => node);
  const { macs } = countCost({ ...graph, nodes }, facts);
  const contracted = nodes.reduce(
    (total, node) => total + contractionWork(node, { graph, facts }),
    0,
  );
  const written = nodes.reduce((total, node) => {
    const shapes = node.outputs.map((name) => facts.get(name)?.shape ?? [0]);
    const elements = shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
    return total + elements * (costOfElement + costOfPooling * windowSize(node));
  }, 0);
  const work = macs + contracted + written;
  const batch = facts.get(graph.inputs[0]?.name ?? "")?.shape[0] ?? 1;
  const limit = Math.min(mostWork, mostWorkPerImage * Math.max(1, batch));
  if (work > limit) {
    throw new ModelError(
      `one forward pass takes ${work.toExponential(1)} operations, more than the limit of ${limit.toExponential(0)}`,
    );
  }
}

/** How many elements a pooling looks at for each that it gives, as LRN does across channels. */
function windowSize({ operator, attributes: { kernel_shape: kernel, size } }: Node): number {
  if (operator === "LRN") return size?.type === "int" ? size.value : 0;
  return operator.endsWith("Pool") && kernel?.type === "ints" ? elementCount(kernel.value) : 0;
}

/** Operations of an Einsum: the product of the sizes of all its subscripts, at most. */
function contractionWork(node: Node, { graph, facts }: { graph: Graph; facts: Facts }): number {
  if (node.operator !== "Einsum" || !facts.has(node.outputs[0]!)) return 0;
  const inputs = node.inputs.map((name) => facts.get(name));
  const options = { opset: graph.opset, inputs, inferSubgraph: () => [], budget: new Budget() };
  const { sizes } = readEquation(new Call(node, options));
  return elementCount([...sizes.values()].flat());
}

function checkMemory(program: Program, facts: Facts): void {
  const bytesOf = (name: string) => {
    const known = facts.get(name);
    return known ? elementCount(known.shape) * elementSize[known.dtype] : 0;
  };
  const available = process.availableMemory();
  let live = 0;
  for (const { node, outputs, release } of program.steps) {
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
