// Gives a graph's input other sizes than its file has.
import { ModelError } from "../../errors.ts";
import type { Graph, ValueInfo } from "../graph.ts";
import { inferShapes } from "../shapes.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { downstream } from "../topology.ts";
import { factsForAnyBatch } from "./anyBatch.ts";

/**
 * The graph with a batch size of any number, called "N", where its input has a fixed one (PyTorch
 * exports the batch size of its example). Undefined where a node depends on that size.
 */
export function freeBatch(graph: Graph): Graph | undefined {
  const [input] = graph.inputs;
  const batch = input?.shape?.[0];
  if (typeof batch !== "number") return graph;
  const fixed = inferShapes(graph);
  const follows = downstream(graph, [input!.name]).nodes;
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node) => {
    const [x, target] = node.inputs;
    const shape = node.operator === "Reshape" && follows.has(node) && fixed.get(target!)?.value;
    if (!shape || fixed.get(x!)?.shape[0] !== batch || toNumbers(shape)[0] !== batch) return node;
    const name = `${node.outputs[0]}.shape`;
    initializers.set(name, fromNumbers("int64", shape.shape, toNumbers(shape).with(0, 0)));
    return { ...node, inputs: [x!, name] };
  });
  const free = (info: ValueInfo) => ({
    ...info,
    shape: info.shape && ["N", ...info.shape.slice(1)],
  });
  const freed = {
    ...graph,
    inputs: graph.inputs.map(free),
    outputs: graph.outputs.map(free),
    nodes,
    initializers,
  };
  return followsBatch(freed) ? freed : undefined;
}

function followsBatch(graph: Graph): boolean {
  try {
    const { small, large } = factsForAnyBatch(graph);
    return graph.outputs.every(
      ({ name }) => small.get(name)?.shape[0] === 2 && large.get(name)?.shape[0] === 3,
    );
  } catch {
    return false;
  }
}

/**
 * The graph with the sizes of its input after the batch fixed to `sizes`. Throws ModelError where
 * the input has other fixed sizes or another number of axes.
 */
export function fixInputSizes(graph: Graph, sizes: readonly number[]): Graph {
  const inputs = graph.inputs.map((info) => {
    const declared = info.shape ?? ["N", ...sizes];
    const rest = declared.slice(1);
    const fits = rest.every((size, axis) => typeof size === "string" || size === sizes[axis]);
    if (rest.length !== sizes.length || !fits) {
      throw new ModelError(
        `input "${info.name}" [${declared.join(", ")}] cannot have the sizes ${sizes.join(" x ")}`,
      );
    }
    return { ...info, shape: [declared[0]!, ...sizes] };
  });
  return { ...graph, inputs };
}
