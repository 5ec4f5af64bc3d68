// Where the channels of a model's images stand: before height and width (PyTorch) or behind (TensorFlow).
import { ints } from "./attributes.ts";
import type { Dimension, Graph, Node } from "./graph.ts";
import { layoutChange } from "./rewrites/permutation.ts";
import { renameTensors } from "./rewrites/rename.ts";
import { consumers, tensorNames } from "./topology.ts";

export type Layout = "NCHW" | "NHWC";

/**
 * The layout of the first input: by the first convolution, which has channels first, or the first change
 * of layout that it reaches; where neither tells, by the sizes, of which 1, 3 and 4 are numbers of channels.
 */
export function imageLayout(graph: Pick<Graph, "inputs" | "nodes">): Layout {
  const [input] = graph.inputs;
  if (input?.shape?.length !== 4) return "NCHW";
  return layoutOfReaders(graph, input.name) ?? layoutOfSizes(input.shape);
}

/** Operators on the way to a network's first layer that keep every element where it is. */
const passing = new Set([
  "Add",

  "Cast",
  "Div",
  "Identity",
  "Mul",
  "Pad",
  "Sub",
]);

function layoutOfReaders(
  graph: Pick<Graph, "inputs" | "nodes">,
  input: string,
): Layout | undefined {
  const readers = consumers(graph);
  const seen = new Set([input]);
  for (const tensor of seen) {
    for (const node of readers.get(tensor) ?? []) {
      if (/^(Conv|BatchNormalization|AveragePool|MaxPool)$/.test(node.operator)) return "NCHW";
      const change = layoutChange(node);
      if (change) return change[1] === 3 ? "NHWC" : "NCHW";
      if (passing.has(node.operator)) for (const output of node.outputs) seen.add(output);
    }
  }
  return undefined;
}

const channelCounts: readonly Dimension[] = [1, 3, 4];

function layoutOfSizes([, first, , last]: readonly Dimension[]): Layout {
  return channelCounts.includes(last!) && !channelCounts.includes(first!) ? "NHWC" : "NCHW";
}

/** Sizes of an image in one layout, from those with channels first. */
export function sizesIn(layout: Layout, sizes: readonly number[]): readonly number[] {
  const [channels, ...others] = sizes;
  return layout === "NHWC" && channels !== undefined ? [...others, channels] : sizes;
}

/** The same sizes the other way round: channels, height and width of images in a layout. */
export function sizesFrom<Size>(layout: Layout, sizes: readonly Size[]): readonly Size[] {
  return layout === "NHWC" ? [...sizes.slice(-1), ...sizes.slice(0, -1)] : sizes;
}

/** The graph with the images of its input in another layout, which it turns around first. */
export function turnInput(graph: Graph, to: Layout): Graph {
  const [input, ...others] = graph.inputs;
  if (input?.shape?.length !== 4) return graph;
  const [batch, a, b, c] = input.shape as [Dimension, Dimension, Dimension, Dimension];
  const names = tensorNames(graph);
  let name = `${input.name}.turned`;
  while (names.has(name)) name += "_";
  const inner = renameTensors(graph, (each) => (each === input.name ? name : each));
  const perm = ints(to === "NCHW" ? [0, 2, 3, 1] : [0, 3, 1, 2]);
  const io = { inputs: [input.name], outputs: [name] };
  const turn: Node = { name: "", operator: "Transpose", domain: "", attributes: { perm }, ...io };
  const shape = to === "NCHW" ? [batch, c, a, b] : [batch, b, c, a];
  return { ...inner, inputs: [{ ...input, shape }, ...others], nodes: [turn, ...inner.nodes] };
}
