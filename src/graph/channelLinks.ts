// Which layers follow each other with nothing between them but operators that treat every channel alike:
// there the channels may be permuted, and where these operators are positively homogeneous
// (ReLU: f(sx) = s f(x) for s > 0), scaled before and scaled back after.
import { attribute, attributeOrInput, fromFront } from "./attributes.ts";
import { elementCount, type Graph, type Node } from "./graph.ts";
import { type Facts, inferShapes } from "./shapes.ts";
import { consumers, readTensors } from "./topology.ts";
import { activations, passing, pooling, reshaping } from "./traits.ts";

/** A convolution or linear layer with float32 weights that no other layer has. */
export interface LinkedLayer {
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
  readonly from: LinkedLayer;
  readonly to: LinkedLayer;
  readonly channels: number;
  /** How many neighbouring inputs of `to` a channel is: more than one behind a flattened map. */
  readonly block: number;
  /** How often the channels stand behind each other in the inputs of `to`: twice behind two poolings side by side. */
  readonly repeats: number;
  /** Constants on the way that hold a number for each channel, as those of layer norm, where the channels repeat, too. */
  readonly vectors: readonly string[];
  /** Whether a positive factor on a channel arrives as that factor. */
  readonly isHomogeneous: boolean;
}

const homogeneous = new Set([
  ...[...passing, ...reshaping, ...pooling],
  ...["LeakyRelu", "ReduceMean", "Relu"],
]);

const channelwise = new Set([
  ...activations,
  ...["Abs", "Add", "Celu", "Div", "Exp", "Mul", "Pow", "Softsign", "Sqrt", "Sub"],
]);

/** Operators whose constants hold a number for each channel; layer norm is over these alone. */
const normalizing = new Set(["BatchNormalization", "LayerNormalization"]);

/** All links of a graph, in its order. Channels whose way is not understood have none. */
export function findLinks(graph: Graph): Link[] {
  const facts = inferShapes(graph);
  const readers = consumers(graph);
  const layers = new Map<Node, LinkedLayer>();
  for (const node of graph.nodes) {
    const layer = asLayer(node, graph);
    const names = [layer?.weight, layer?.bias].filter((name) => name !== undefined);
    if (layer && names.every((name) => readers.get(name)?.length === 1)) layers.set(node, layer);
  }
  return [...layers].flatMap(([node, from]) => {
    const link = follow(node, { graph, facts, layers, readers });
    return link ? [{ from, ...link }] : [];
  });
}

function asLayer(node: Node, { initializers }: Graph): LinkedLayer | undefined {
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
    facts: Facts;
    layers: ReadonlyMap<Node, LinkedLayer>;
    readers: ReadonlyMap<string, readonly Node[]>;
  },
): Omit<Link, "from"> | undefined {
  const { graph, facts, layers, readers } = context;
  const shapeOf = (name: string) => facts.get(name)?.shape ?? [];
  const output = start.outputs[0] as string;
  const channels = shapeOf(output)[1] ?? 0;
  const { bias } = layers.get(start) as LinkedLayer;
  const biases = bias === undefined ? channels : elementCount(shapeOf(bias));
  const hasChannels = start.operator === "Conv" || shapeOf(output).length === 2;
  if (!hasChannels || biases !== channels) return undefined;
  /** How often each tensor on the way holds the channels. */
  const carried = new Map([[output, 1]]);
  const vectors: string[] = [];
  let isHomogeneous = true;
  let end: Pick<Link, "to" | "block" | "repeats"> | undefined;
  for (const node of graph.nodes) {
    const read = readTensors(node).filter((name) => carried.has(name));
    if (read.length === 0) continue;
    const [input = "", result = ""] = [node.inputs[0], node.outputs[0]];
    const repeats = carried.get(read[0]!)!;
    const to = layers.get(node);
    if (to) {
      const isMap = node.operator === "Conv";
      const shape = shapeOf(input);
      if (end || (!isMap && shape.length !== 2)) return undefined;
      const block = isMap ? 1 : elementCount(shape.slice(1)) / (channels * repeats);
      end = { to, block, repeats };
    } else if (node.operator === "Concat") {
      const isBySide = axisOf(node, shapeOf(result).length) === 1;
      const isAlike = read.every(
        (name) => carried.get(name) === repeats && String(shapeOf(name)) === String(shapeOf(input)),
      );
      if (!isBySide || !isAlike || read.length !== node.inputs.length) return undefined;
      carried.set(result, repeats * read.length);
    } else {
      const isAlike = read.every((name) => carried.get(name) === repeats);
      const own = isAlike && vectorsOf(node, { graph, carried, shapeOf, size: channels * repeats });
      // A vector that others read as well cannot be permuted.
      if (!own || own.some((name) => readers.get(name)?.length !== 1)) return undefined;
      // A batch norm may read one vector twice, as a scale and a variance of ones.
      vectors.push(...new Set(own));
      isHomogeneous &&= homogeneous.has(node.operator);
      carried.set(result, repeats);
    }
  }
  const leaves = graph.outputs.some(({ name }) => carried.has(name));
  return end && !leaves ? { ...end, channels, vectors, isHomogeneous } : undefined;
}

/** The axis that a node names, counted from the front. */
function axisOf(node: Node, rank: number): number {
  return fromFront(attribute(node, "axis", "int") ?? -1, rank);
}

/**
 * The constants with a number for each channel that a node reads, where its result holds the channels in their order,
 * each as a block and made of itself alone, but for a norm over all of them; undefined where it does not. `size` counts
 * the channels as often as they stand there.
 */
function vectorsOf(
  node: Node,
  context: {
    graph: Graph;
    carried: ReadonlyMap<string, number>;
    shapeOf: (name: string) => readonly number[];
    size: number;
  },
): readonly string[] | undefined {
  const { graph, carried, shapeOf, size } = context;
  const [first = "", second = ""] = node.inputs;
  const [shape, result] = [shapeOf(carried.has(first) ? first : second), shapeOf(node.outputs[0]!)];
  const sizeOf = (name: string) => elementCount(graph.initializers.get(name)?.shape ?? [0]);
  /** Whether a constant has the channels' numbers along the result's axis 1, and nothing else. */
  const isVector = (name: string) => {
    const { shape: own = [], dtype } = graph.initializers.get(name) ?? {};
    const place = own.length - (result.length - 1);
    return dtype === "float32" && size > 1 && own[place] === size && sizeOf(name) === size;
  };
  if (normalizing.has(node.operator)) {
    const isOverChannels = axisOf(node, result.length) === 1 && result.length === 2;
    const isNorm = node.operator === "BatchNormalization" || isOverChannels;
    const constants = node.inputs.slice(1).filter(Boolean);
    const areVectors = constants.every(
      (name) => shapeOf(name).length === 1 && sizeOf(name) === size,
    );
    const isWhole = result[1] === size && node.outputs.slice(1).every((name) => name === "");
    return isNorm && areVectors && isWhole && carried.has(first) ? constants : undefined;
  }
  if (channelwise.has(node.operator)) {
    const isAlike = (name: string) =>
      carried.has(name)
        ? String(shapeOf(name)) === String(result)
        : sizeOf(name) === 1 || (result[1] === size && isVector(name));
    const inputs = node.inputs.filter(Boolean);
    return inputs.every(isAlike) ? inputs.filter((name) => sizeOf(name) > 1) : undefined;
  }
  if (!homogeneous.has(node.operator) || !carried.has(first)) return undefined;
  if (node.operator === "ReduceMean") {
    const axes = attributeOrInput(node, { name: "axes", type: "ints", input: 1 }, graph) ?? [];
    const isOfMap = axes.every((axis) => fromFront(axis, shape.length) >= 2);
    return axes.length > 0 && isOfMap ? [] : undefined;
  }
  const flattens = result.length === 2 && result[0] === shape[0];
  return flattens || (result.length === shape.length && result[1] === shape[1]) ? [] : undefined;
}
