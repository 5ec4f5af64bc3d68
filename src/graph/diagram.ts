// What a reader needs to see of a graph: a box for each convolution, pooling, sum and linear layer, and what
// leads from one to another. Activations, padding and the like belong to the box before them.

import { shorten } from "../text.ts";
import { attribute } from "./attributes.ts";
import { findBoundary } from "./cuts.ts";
import type { Graph, Node } from "./graph.ts";
import { type Facts, inferShapes } from "./shapes.ts";
import { downstream, readTensors } from "./topology.ts";

export type Kind = "input" | "convolution" | "pooling" | "sum" | "linear";

export interface Box {
  readonly what: string;
  /** Of one image's output. */
  readonly shape: readonly number[];
  readonly kind: Kind;
  /** Whether it comes behind the boundary between extractor and classifier. */
  readonly inClassifier: boolean;
  /** Places of the boxes that it reads, in the diagram's list. */
  readonly from: readonly number[];
}
type Named = Pick<Box, "what" | "kind">;

/**
 * The boxes of a graph, in an order in which each comes after those that it reads. `boundary` names the tensor that
 * ends the extractor; by default it is found. Throws ModelError where there is none.
 */
export function diagramOf(graph: Graph, boundary?: string): Box[] {
  const facts = inferShapes(graph);
  const classifier = downstream(graph, [findBoundary(graph, facts, boundary).tensor]).nodes;
  const shapeOf = (tensor: string) => facts.get(tensor)?.shape.slice(1) ?? [];
  const input = graph.inputs[0]!.name;
  const first = { what: "image", kind: "input" } as const;
  const boxes: Box[] = [{ ...first, shape: shapeOf(input), inClassifier: false, from: [] }];
  const boxOf = new Map([[input, 0]]);
  const concatenations: Node[] = [];
  for (const node of graph.nodes) {
    const read = node.operator === "Concat" ? joinedBy(node, concatenations) : readTensors(node);
    const from = [...new Set(read.flatMap((name) => boxOf.get(name) ?? []))];
    if (node.operator === "Concat") concatenations.push(node);
    if (from.length === 0) continue; // made of constants alone
    const shape = shapeOf(node.outputs[0] ?? "");
    const shown = from.length > 1 ? describeJoin(node) : describe(node, facts);
    if (shown) boxes.push({ ...shown, shape, inClassifier: classifier.has(node), from });
    for (const name of node.outputs) boxOf.set(name, shown ? boxes.length - 1 : from[0]!);
  }
  return boxes;
}

/**
 * What a concatenation joins: where it begins as an earlier one, that one and the rest. So a dense block, in which each
 * layer may join all earlier features anew, becomes a row of layers that repeat.
 */
function joinedBy(node: Node, earlier: readonly Node[]): readonly string[] {
  const axis = attribute(node, "axis", "int");
  const first = earlier.findLast(
    (each) =>
      attribute(each, "axis", "int") === axis &&
      each.inputs.length < node.inputs.length &&
      each.inputs.every((name, place) => name === node.inputs[place]),
  );
  return first ? [...first.outputs, ...node.inputs.slice(first.inputs.length)] : node.inputs;
}

const joins: Readonly<Record<string, string>> = {
  Add: "sum",
  Concat: "concatenation",
  Mul: "product",
};

function describeJoin({ operator }: Node): Named {
  const what = joins[operator] ?? shorten(operator);
  return { what, kind: "sum" };
}

/** Name and kind of a node that gets a box of its own although it reads one box alone. */
function describe(node: Node, facts: Facts): Named | undefined {
  const weight = facts.get(node.inputs[1] ?? "")?.shape ?? [];
  const window = attribute(node, "kernel_shape", "ints")?.join("×");
  switch (node.operator) {
    case "Conv":
    case "ConvTranspose": {
      const groups = attribute(node, "group", "int") ?? 1;
      const kind = groups === 1 ? "" : groups === weight[0] ? "depthwise " : "grouped ";
      const what = `${weight.slice(2).join("×")} ${kind}convolution`;
      return { what, kind: "convolution" };
    }
    case "MaxPool":
      return pooling(`${window} max pooling`);
    case "AveragePool":
      return pooling(window === "1×1" ? "subsampling" : `${window} average`);
    case "GlobalAveragePool":
      return pooling("global average");
    case "Gemm":
    case "MatMul":
      return { what: "linear", kind: "linear" };
    default:
      return undefined;
  }
}

function pooling(what: string): Named {
  return { what, kind: "pooling" };
}
