// Which layers follow each other with nothing between them but operators that treat every channel alike:
// there the channels may be permuted, and where these operators are positively homogeneous
// (ReLU: f(sx) = s f(x) for s > 0), scaled before and scaled back after.
import { attribute } from "../graph/attributes.ts";
import { elementCount, type Graph, type Node } from "../graph/graph.ts";
import { inferShapes, type TensorFacts } from "../graph/shapes.ts";
import { toNumbers } from "../graph/tensorData.ts";
import { consumers, readTensors } from "../graph/topology.ts";

/** A convolution or linear layer with float32 weights that no other layer has. */
export interface Layer {
  /** Name of the weights, and their axes of outputs and inputs. */
  readonly weight: string;
  readonly outputAxis: number;
  readonly inputAxis: number;
  /** Name of the bias where there is one, and its axis of outputs. */
  readonly bias: string | undefined;
  readonly biasAxis: number;
}

/** The channels of one layer on their way to the only layer that reads them. */
export interface Link {
  readonly from: Layer;
  readonly to: Layer;
  readonly channels: number;
  /** How many neighbouring inputs of `to` a channel is: more than one behind a flattened map. */
  readonly block: number;
  /** Whether a positive factor on a channel arrives as that factor. */
  readonly isHomogeneous: boolean;
}

const homogeneous = new Set([
  ...["Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"],
  ...["ReduceMean", "Flatten", "Reshape", "Squeeze", "Identity", "Dropout"],
]);

const channelwise = new Set([
  ...["Sigmoid", "HardSwish", "HardSigmoid", "Clip", "Tanh", "Elu", "Selu", "Celu", "Softplus"],
  ...["Erf", "Add", "Mul"],
]);

/** All links of a graph, in its order. Channels whose way is not understood have none. */
export function findLinks(graph: Graph): Link[] {
  const facts = inferShapes(graph);
  const readers = consumers(graph);
  const layers = new Map<Node, Layer>();
  for (const node of graph.nodes) {
    const layer = asLayer(node, graph);
    const names = [layer?.weight, layer?.bias].filter((name) => name !== undefined);
    if (layer && names.every((name) => readers.get(name)?.length === 1)) layers.set(node, layer);
  }
  return [...layers].flatMap(([node, from]) => {
    const link = follow(node, { graph, facts, layers });
    return link ? [{ from, ...link }] : [];
  });
}

function asLayer(node: Node, { initializers }: Graph): Layer | undefined {
  const [, weight = "", bias = ""] = node.inputs;
  const isFloat = (name: string) => initializers.get(name)?.dtype === "float32";
  if (!isFloat(weight) || (bias && !isFloat(bias))) return undefined;
  // A linear layer's bias may be [1, outputs].
  const biasAxis = (initializers.get(bias)?.shape.length ?? 1) - 1;
  const layer = { weight, bias: bias || undefined, biasAxis };
  if (node.operator === "Conv") {
    const isPlain = (attribute(node, "group", "int") ?? 1) === 1;
    return isPlain ? { ...layer, outputAxis: 0, inputAxis: 1 } : undefined;
  }
  if (node.operator !== "Gemm" && node.operator !== "MatMul") return undefined;
  const isTransposed = attribute(node, "transB", "int") === 1;
  const axes = isTransposed ? { outputAxis: 0, inputAxis: 1 } : { outputAxis: 1, inputAxis: 0 };
  return attribute(node, "transA", "int") === 1 ? undefined : { ...layer, ...axes };
}

function follow(
  start: Node,
  context: {
    graph: Graph;
    facts: ReadonlyMap<string, TensorFacts>;
    layers: ReadonlyMap<Node, Layer>;
  },
): Omit<Link, "from"> | undefined {
  const { graph, facts, layers } = context;
  const shapeOf = (name: string) => facts.get(name)?.shape ?? [];
  const output = start.outputs[0] as string;
  const channels = shapeOf(output)[1] ?? 0;
  const { bias } = layers.get(start) as Layer;
  const biases = bias === undefined ? channels : elementCount(shapeOf(bias));
  const hasChannels = start.operator === "Conv" || shapeOf(output).length === 2;
  if (!hasChannels || biases !== channels) return undefined;
  const carried = new Set([output]);
  let isHomogeneous = true;
  let end: Pick<Link, "to" | "block"> | undefined;
  for (const node of graph.nodes) {
    const read = readTensors(node).filter((name) => carried.has(name));
    if (read.length === 0) continue;
    const [input = "", result = ""] = [node.inputs[0], node.outputs[0]];
    const to = layers.get(node);
    if (to) {
      const isMap = node.operator === "Conv";
      const shape = shapeOf(input);
      if (end || (!isMap && shape.length !== 2)) return undefined;
      end = { to, block: isMap ? 1 : elementCount(shape.slice(1)) / channels };
    } else {
      if (!keepsChannels(node, { graph, carried, shapeOf })) return undefined;
      isHomogeneous &&= homogeneous.has(node.operator);
      carried.add(result);
    }
  }
  const leaves = graph.outputs.some(({ name }) => carried.has(name));
  return end && !leaves ? { ...end, channels, isHomogeneous } : undefined;
}

/** Whether the result holds the channels in their order, each as a block and made of itself alone. */
function keepsChannels(
  node: Node,
  context: {
    graph: Graph;
    carried: ReadonlySet<string>;
    shapeOf: (name: string) => readonly number[];
  },
): boolean {
  const { graph, carried, shapeOf } = context;
  const [first = "", second = ""] = node.inputs;
  const [shape, result] = [shapeOf(carried.has(first) ? first : second), shapeOf(node.outputs[0]!)];
  if (channelwise.has(node.operator)) {
    const isAlike = (name: string) =>
      carried.has(name)
        ? String(shapeOf(name)) === String(result)
        : elementCount(graph.initializers.get(name)?.shape ?? [0]) === 1;
    return node.inputs.filter(Boolean).every(isAlike);
  }
  if (!homogeneous.has(node.operator) || !carried.has(first)) return false;
  if (node.operator === "ReduceMean") {
    // An attribute before opset 18, an input since.
    const input = graph.initializers.get(second);
    const axes = attribute(node, "axes", "ints") ?? (input && toNumbers(input)) ?? [];
    return axes.length > 0 && axes.every((axis) => (axis < 0 ? axis + shape.length : axis) >= 2);
  }
  const flattens = result.length === 2 && result[0] === shape[0];
  return flattens || (result.length === shape.length && result[1] === shape[1]);
}
