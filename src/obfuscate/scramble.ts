// Scrambling: other weights for the same function. Channels between two layers are permuted, and where
// only positively homogeneous operators stand between them (ReLU: f(sx) = s f(x) for s > 0), each
// channel is scaled before and scaled back after.
import { attribute } from "../graph/attributes.ts";
import { elementCount, type Graph, type Node, type TensorData } from "../graph/graph.ts";
import { uniform } from "../graph/random.ts";
import { inferShapes, type TensorFacts } from "../graph/shapes.ts";
import { fromFloat32, toFloat32, toNumbers } from "../graph/tensorData.ts";
import { consumers } from "../graph/topology.ts";

/** Operators that treat every channel alike and by itself, and commute with positive factors. */
const homogeneous = new Set([
  ...["Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"],
  ...["ReduceMean", "Flatten", "Reshape", "Squeeze", "Identity", "Dropout"],
]);

/** Operators that treat every channel alike and by itself, but not its scale. */
const channelwise = new Set(["Sigmoid", "HardSwish", "HardSigmoid", "Clip", "Tanh", "Elu"]);

const largestFactor = 4;

/**
 * The same function with the channels behind every convolution permuted and scaled, by seed. Channels
 * whose way to the next layer is not understood stay as they are.
 */
export function scramble(graph: Graph, seed: number): Graph {
  const facts = inferShapes(graph);
  const readers = consumers(graph);
  const initializers = new Map(graph.initializers);
  const convolutions = graph.nodes.filter(({ operator }) => operator === "Conv");
  for (const [i, node] of convolutions.entries()) {
    const link = nextLayer(graph, { node, readers, facts });
    if (!link || (attribute(node, "group", "int") ?? 1) !== 1) continue;
    const [, weight, bias] = node.inputs.map((name) => initializers.get(name));
    if (!weight) continue;
    const channels = weight.shape[0] as number;
    const stream = (name: string) => uniform({ seed, name: `seal/${name}/${i}` }, channels);
    const order = orderOf(stream("order"));
    const factors = link.isHomogeneous
      ? stream("factor").map((u) => largestFactor ** (2 * u - 1))
      : new Float32Array(channels).fill(1);
    const set = (index: number, value: TensorData) =>
      initializers.set(node.inputs[index] as string, value);
    set(1, arrange(weight, { axis: 0, order, factors }));
    if (bias) set(2, arrange(bias, { axis: 0, order, factors }));
    const inverse = factors.map((factor) => 1 / factor);
    const reader = initializers.get(link.weight) as TensorData;
    const { axis, block } = link;
    initializers.set(link.weight, arrange(reader, { axis, block, order, factors: inverse }));
  }
  return { ...graph, initializers };
}

/** How the channels of a convolution arrive at the next layer. */
interface Link {
  /** Name of the next layer's weights, the axis of its inputs, and how many inputs a channel is. */
  readonly weight: string;
  readonly axis: number;
  readonly block: number;
  readonly isHomogeneous: boolean;
}

function nextLayer(
  graph: Graph,
  context: {
    node: Node;
    readers: ReadonlyMap<string, readonly Node[]>;
    facts: ReadonlyMap<string, TensorFacts>;
  },
): Link | undefined {
  const { node, readers, facts } = context;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const channels = facts.get(node.outputs[0] as string)?.shape[1] as number;
  let isHomogeneous = true;
  let tensor = node.outputs[0] as string;
  for (;;) {
    const [reader, ...others] = readers.get(tensor) ?? [];
    if (!reader || others.length > 0 || outputs.has(tensor) || reader.inputs[0] !== tensor) {
      return undefined;
    }
    const shape = facts.get(tensor)?.shape ?? [];
    const block = elementCount(shape.slice(1)) / channels;
    const weight = reader.inputs[1] ?? "";
    const isLayer = graph.initializers.has(weight) && readers.get(weight)?.length === 1;
    if (reader.operator === "Conv") {
      const isPlain = isLayer && (attribute(reader, "group", "int") ?? 1) === 1;
      return isPlain ? { weight, axis: 1, block: 1, isHomogeneous } : undefined;
    }
    if (reader.operator === "Gemm" || reader.operator === "MatMul") {
      const axis = attribute(reader, "transB", "int") === 1 ? 1 : 0;
      return isLayer && shape.length === 2 ? { weight, axis, block, isHomogeneous } : undefined;
    }
    if (!keepsChannels(reader, { graph, shape, facts })) return undefined;
    if (channelwise.has(reader.operator)) isHomogeneous = false;
    else if (!homogeneous.has(reader.operator)) return undefined;
    tensor = reader.outputs[0] as string;
  }
}

/** Whether the result holds the channels in their order, each as a block. */
function keepsChannels(
  reader: Node,
  context: {
    graph: Graph;
    shape: readonly number[];
    facts: ReadonlyMap<string, TensorFacts>;
  },
): boolean {
  const { graph, shape, facts } = context;
  if (reader.operator === "ReduceMean") {
    // An attribute before opset 18, an input since.
    const input = graph.initializers.get(reader.inputs[1] ?? "");
    const axes = attribute(reader, "axes", "ints") ?? (input && toNumbers(input)) ?? [];
    return axes.length > 0 && axes.every((axis) => (axis < 0 ? axis + shape.length : axis) >= 2);
  }
  const result = facts.get(reader.outputs[0] as string)?.shape ?? [];
  const flattens = result.length === 2 && result[0] === shape[0];
  return flattens || (result.length === shape.length && result[1] === shape[1]);
}

/** Indices in the order of random numbers. */
function orderOf(random: Float32Array): number[] {
  return [...random.keys()].sort((a, b) => (random[a] as number) - (random[b] as number));
}

/** Slice i of an axis becomes slice order[i] times factors[i]; with blocks, a channel is several slices. */
function arrange(
  tensor: TensorData,
  options: { axis: number; block?: number; order: readonly number[]; factors: Float32Array },
): TensorData {
  const { axis, block = 1, order, factors } = options;
  const from = toFloat32(tensor);
  const to = new Float32Array(from.length);
  const outer = elementCount(tensor.shape.slice(0, axis));
  const inner = elementCount(tensor.shape.slice(axis + 1)) * block;
  for (let o = 0; o < outer; o++) {
    for (const [i, source] of order.entries()) {
      const [start, target] = [(o * order.length + source) * inner, (o * order.length + i) * inner];
      for (let k = 0; k < inner; k++)
        to[target + k] = (from[start + k] as number) * (factors[i] as number);
    }
  }
  return fromFloat32(tensor.shape, to);
}
