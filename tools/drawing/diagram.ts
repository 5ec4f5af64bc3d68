// What a reader needs to see of a graph: a box for each convolution, pooling, sum and linear layer, and what
// leads from one to another. Activations, padding and the like belong to the box before them.
import { attribute } from "../../src/graph/attributes.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { inferShapes, type TensorFacts } from "../../src/graph/shapes.ts";
import { downstream, readTensors } from "../../src/graph/topology.ts";

export type Kind = "input" | "convolution" | "pooling" | "sum" | "linear";

export interface Box {
  readonly label: string;
  readonly kind: Kind;
  /** Whether it comes behind the boundary between extractor and classifier. */
  readonly inClassifier: boolean;
  /** Places of the boxes that it reads, in the diagram's list. */
  readonly from: readonly number[];
}

type Facts = ReadonlyMap<string, TensorFacts>;

/** The boxes of a graph with a boundary, in an order in which each comes after those that it reads. */
export function diagramOf(graph: Graph): Box[] {
  const facts = inferShapes(graph);
  const classifier = downstream(graph, [findBoundary(graph, facts).tensor]).nodes;
  const [input] = graph.inputs;
  const size = facts.get(input!.name)!.shape.slice(1).join("×");
  const boxes: Box[] = [{ label: `image ${size}`, kind: "input", inClassifier: false, from: [] }];
  const boxOf = new Map([[input!.name, 0]]);
  for (const node of graph.nodes) {
    const from = [...new Set(readTensors(node).flatMap((name) => boxOf.get(name) ?? []))];
    if (from.length === 0) continue; // made of constants alone
    const shown = describe(node, facts);
    if (shown) boxes.push({ ...shown, inClassifier: classifier.has(node), from });
    for (const name of node.outputs) boxOf.set(name, shown ? boxes.length - 1 : from[0]!);
  }
  return boxes;
}

/** Label and kind of a node that gets a box of its own. */
function describe(node: Node, facts: Facts): Pick<Box, "label" | "kind"> | undefined {
  const weight = facts.get(node.inputs[1] ?? "")?.shape ?? [];
  const output = facts.get(node.outputs[0] ?? "")?.shape ?? [];
  const window = attribute(node, "kernel_shape", "ints")?.join("×");
  switch (node.operator) {
    case "Conv":
      return {
        label: `${weight.slice(2).join("×")} convolution, ${output.slice(1).join("×")}`,
        kind: "convolution",
      };
    case "MaxPool":
      return { label: `${window} max pooling`, kind: "pooling" };
    case "AveragePool":
      return { label: window === "1×1" ? "subsampling" : `${window} average`, kind: "pooling" };
    case "GlobalAveragePool":
      return { label: "global average", kind: "pooling" };
    case "Add":
      return { label: "sum", kind: "sum" };
    case "Concat":
      return { label: "concatenation", kind: "sum" };
    case "Gemm":
    case "MatMul":
      return { label: `linear, ${output.at(-1)} classes`, kind: "linear" };
    default:
      return undefined;
  }
}
