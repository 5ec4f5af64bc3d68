// Where the channels of a model's images stand: before height and width (PyTorch), behind (TensorFlow), or nowhere,
// where images are grey.
import { ints } from "./attributes.ts";
import { FreshNames } from "./freshNames.ts";
import type { Dimension, Graph, Node } from "./graph.ts";
import { operation } from "./operation.ts";
import { layoutChange } from "./rewrites/permutation.ts";
import { renameTensors } from "./rewrites/rename.ts";
import { fromNumbers } from "./tensorData.ts";
import { consumers, tensorNames } from "./topology.ts";
import { passing } from "./traits.ts";

export type Layout = "NCHW" | "NHWC" | "NHW";

/**
 * The layout of the first input: by the first convolution, which has channels first, or the first change
 * of layout that it reaches; where neither tells, by the sizes, of which 1, 3 and 4 are numbers of channels. An input
 * of three axes, the first of any size or 1, is a batch of grey images where it is given an axis of channels.
 */
export function imageLayout(graph: Pick<Graph, "inputs" | "nodes">): Layout {
  const { name = "", shape = [] } = graph.inputs[0] ?? {};
  if (shape.length === 4) return layoutOfReaders(graph, name) ?? layoutOfSizes(shape);
  const isBatch = shape.length === 3 && (typeof shape[0] === "string" || shape[0] === 1);
  return isBatch && isGivenChannels(graph, name) ? "NHW" : "NCHW";
}

/** Operators on the way to a network's first layer that keep every element where it is. */
const placeKeeping = new Set([
  ...[...passing, "Add", "Cast", "Div", "Mul", "Pad", "Sub"],
  ...["Clip", "QuantizeLinear", "DequantizeLinear"],
]);

function layoutOfReaders(graph: Pick<Graph, "nodes">, input: string): Layout | undefined {
  for (const node of firstReaders(graph, input)) {
    if (/^(Conv|BatchNormalization|AveragePool|MaxPool)$/.test(node.operator)) return "NCHW";
    const change = layoutChange(node);
    if (change) return change[1] === 3 ? "NHWC" : "NCHW";
  }
  return undefined;
}

function isGivenChannels(graph: Pick<Graph, "nodes">, input: string): boolean {
  const [first] = firstReaders(graph, input);
  return first !== undefined && /^(Reshape|Unsqueeze)$/.test(first.operator);
}

/** The nodes that read a tensor, behind operators that keep every element where it is. */
function* firstReaders(graph: Pick<Graph, "nodes">, input: string): Generator<Node> {
  const readers = consumers(graph);
  const seen = new Set([input]);
  for (const tensor of seen) {
    for (const node of readers.get(tensor) ?? []) {
      if (placeKeeping.has(node.operator)) for (const output of node.outputs) seen.add(output);
      else yield node;
    }
  }
}

const channelCounts: readonly Dimension[] = [1, 3, 4];

function layoutOfSizes([, first, , last]: readonly Dimension[]): Layout {
  return channelCounts.includes(last!) && !channelCounts.includes(first!) ? "NHWC" : "NCHW";
}

/** Sizes of an image in one layout, from those with channels first. */
export function sizesIn<Size>(layout: Layout, sizes: readonly Size[]): readonly Size[] {
  const [channels, ...others] = sizes;
  if (channels === undefined || layout === "NCHW") return sizes;
  return layout === "NHWC" ? [...others, channels] : others;
}

/** The same sizes the other way round: channels, height and width of images in a layout. */
export function sizesFrom<Size>(layout: Layout, sizes: readonly Size[]): readonly (Size | 1)[] {
  if (layout === "NHW") return [1, ...sizes];
  return layout === "NHWC" ? [...sizes.slice(-1), ...sizes.slice(0, -1)] : sizes;
}

/**
 * The graph with the images of its input in another layout, which it turns around first. One of the two layouts has
 * channels first; sizes of grey images are numbers.
 */
export function turnInput(graph: Graph, to: Layout): Graph {
  const [input, ...others] = graph.inputs;
  if (!input?.shape || input.shape.length < 3) return graph;
  const [batch, ...sizes] = input.shape as [Dimension, ...Dimension[]];
  const from = sizes.length === 2 ? "NHW" : "NHWC";
  const turned = to === "NCHW" ? sizesFrom(from, sizes) : sizesIn(to, sizes);
  const names = new FreshNames(tensorNames(graph));
  const [inside, target] = [names.next(`${input.name}.turned`), names.next(`${input.name}.sizes`)];
  const inner = renameTensors(graph, (name) => (name === input.name ? inside : name));
  const inputs = [{ ...input, shape: [batch, ...turned] }, ...others];
  if (turned.length === sizes.length) {
    const perm = ints(to === "NCHW" ? [0, 2, 3, 1] : [0, 3, 1, 2]);
    const turn = operation("Transpose", [input.name], inside, { perm });
    return { ...inner, inputs, nodes: [turn, ...inner.nodes] };
  }
  const shape = fromNumbers("int64", [sizes.length + 1], [-1, ...(sizes as number[])]);
  const turn = operation("Reshape", [input.name, target], inside);
  const initializers = new Map(inner.initializers).set(target, shape);
  return { ...inner, inputs, nodes: [turn, ...inner.nodes], initializers };
}
