// The control of every attack: the same architecture from random weights.
import { trainedInitializers } from "../engine/parameters.ts";
import { elementCount, type Graph, type Node } from "../graph/graph.ts";
import { normal, type Stream, uniform } from "../graph/random.ts";
import { layerWeights } from "../graph/roles.ts";
import { fromFloat32 } from "../graph/tensorData.ts";
import { downstream } from "../graph/topology.ts";

/** Where training starts: the values of a constant of this shape, which a node reads. */
type Start = (shape: readonly number[], stream: Stream, node: Node) => Float32Array;

const constant =
  (value: number): Start =>
  (shape) =>
    new Float32Array(elementCount(shape)).fill(value);
const [zeros, ones] = [constant(0), constant(1)];

/** A normal distribution of variance 2 / fan-in (He et al. 2015). */
const convolution: Start = (shape, stream) => {
  const deviation = Math.sqrt(2 / elementCount(shape.slice(1)));
  return normal(stream, elementCount(shape)).map((value) => value * deviation);
};

/** Uniform within 1 / sqrt(fan-in). */
const linear: Start = (shape, stream, { attributes }) => {
  const fanIn = shape.at(attributes.transB?.value === 1 ? 1 : -2) ?? shape[0]!;
  const bound = 1 / Math.sqrt(fanIn);
  return uniform(stream, elementCount(shape)).map((u) => (2 * u - 1) * bound);
};

/** Tables, tokens and whatever else there is, as vision transformers start theirs (Dosovitskiy et al. 2021). */
const other: Start = (shape, stream) =>
  normal(stream, elementCount(shape)).map((value) => value * 0.02);

/** By operator the starts of its inputs. */
const starts: Readonly<Record<string, readonly Start[]>> = {
  Conv: [other, convolution, zeros],
  ConvTranspose: [other, convolution, zeros],
  Gemm: [other, linear, zeros],
  MatMul: [other, linear],
  PRelu: [other, constant(0.25)],
  BatchNormalization: [other, ones, zeros, zeros, ones],
  InstanceNormalization: [other, ones, zeros],
  GroupNormalization: [other, ones, zeros],
  LayerNormalization: [other, ones, zeros],
  RMSNormalization: [other, ones],
};

/** By operator the start of biases and scales that stand alone. */
const neutral: Readonly<Record<string, Start>> = { Add: zeros, Sub: zeros, Mul: ones, Div: ones };

/**
 * The graph with everything forgotten that training would learn, and batch norms at their start. What is done to images
 * before the first layer stays, and so do single numbers between layers, which are parts of formulas.
 */
export function withRandomWeights(graph: Graph, seed: number): Graph {
  const trained = trainedInitializers(graph);
  const behind = downstream(graph, layerWeights(graph)).nodes;
  const initializers = new Map(graph.initializers);
  const images = downstream(
    graph,
    graph.inputs.map(({ name }) => name),
  ).nodes;
  const startOf = (node: Node, position: number, size: number) => {
    if (images.has(node) && !behind.has(node)) return undefined;
    const own = starts[node.operator]?.[position];
    if (own || size === 1) return own;
    const alone = neutral[node.operator];
    return alone && !behind.has(node) ? undefined : (alone ?? other);
  };
  for (const node of graph.nodes) {
    for (const [position, name] of node.inputs.entries()) {
      const isStatistic = node.operator === "BatchNormalization" && position > 2;
      const known = graph.initializers.get(name);
      if (!known || !(trained.has(name) || isStatistic)) continue;
      const { shape } = known;
      const start = startOf(node, position, elementCount(shape));
      const values = start?.(shape, { seed, name: `attack/scratch/${name}` }, node);
      if (values) initializers.set(name, fromFloat32(shape, values));
    }
  }
  return { ...graph, initializers };
}
