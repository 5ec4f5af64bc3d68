// What a graph costs: parameters, and multiply-accumulate operations (MACs).
import { record } from "../record.ts";
import { elementCount, type Graph, type Node } from "./graph.ts";
import type { Facts } from "./shapes.ts";
import { isFloat } from "./tensorData.ts";
import { consumers } from "./topology.ts";
import { activations, layers, passing, reshaping } from "./traits.ts";

export interface Cost {
  /** Trained numbers. The running statistics of batch normalization are measured, not trained. */
  readonly parameters: number;
  /** Multiply-accumulate operations of convolutions and matrix products. */
  readonly macs: number;
  /** MACs of the nodes that have any, by node name (by first output where a node has none). */
  readonly perNode: ReadonlyMap<string, number>;
}

/** Parameters, and MACs for the batch size of the facts (inferShapes takes 1 by itself). */
export function countCost(graph: Graph, facts: Facts): Cost {
  const perNode = new Map<string, number>();
  let macs = 0;
  for (const node of graph.nodes) {
    const count = countMacs(node, facts);
    if (count === 0) continue;
    perNode.set(node.name || node.outputs[0]!, count);
    macs += count;
  }
  return { parameters: countParameters(graph), macs, perNode };
}

function countMacs(node: Node, facts: Facts): number {
  const shapeOf = (name: string | undefined) => facts.get(name ?? "")?.shape;
  const [x, weight, output] = [node.inputs[0], node.inputs[1], node.outputs[0]].map(shapeOf);
  if (!x || !weight || !output) return 0;
  switch (node.operator) {
    case "Conv":
      return elementCount(output) * elementCount(weight.slice(1));
    case "ConvTranspose":
      return elementCount(x) * elementCount(weight.slice(1));
    case "Gemm":
      return elementCount(x) * output[1]!;
    case "MatMul":
      return elementCount(output) * x.at(-1)!;
    default:
      return 0;
  }
}

/**
 * What a value costs to write to memory, in MACs of 3x3 convolutions. ONNX Runtime on two cores with AVX-512 and
 * batches of 64 takes 6 ps for such a MAC, and 0.3 to 0.6 ns for a value of a ResNet's additions, a GoogLeNet's
 * poolings or a DenseNet's batch norms and concatenations. `npm run bench:cost` compares all with measured times.
 */
const macsPerValue = 50;
/** The same for what has its map in the cache from the layer before, and for what moves single elements. */
const macsPerActivation = 25;
const macsPerMovedValue = 100;
/** A convolution whose groups, above all those of one channel, fill no vector has few products for what it reads. */
const macsPerNarrowMac = 2;
const vectorLength = 16;
/** Pixels of a row that a kernel of more than 1x1 has in registers at once. */
const pixelsPerBlock = 6;

const fused = new Set(["BatchNormalization", "Clip", "LeakyRelu", "Relu", "Sigmoid"]);
const free = new Set([...passing, ...reshaping]);
const elementwise = new Set([...activations, "Div", "LeakyRelu", "Mul", "PRelu", "Pow", "Sub"]);

/**
 * Estimates the time of a graph at inference, in MACs of convolutions that arithmetic bounds: a node that
 * memory bounds counts by the values that it writes, one that runtimes fuse into the layer before it not.
 */
export function estimateWork(graph: Graph, facts: Facts): number {
  return sumOfWork(graph, { facts, macsOf: countMacs });
}

/**
 * The same with the channels of dense convolutions as whole vectors, which runtimes compute whether a layer fills
 * them or not, and with the rows of small maps as whole blocks: closer for layers of few channels, such as those of the
 * narrowest chains, and for last layers of 4x4. Inputs that fill not even one vector, such as images, are read as they
 * are.
 */
export function estimateTime(graph: Graph, facts: Facts): number {
  return sumOfWork(graph, { facts, macsOf: countVectorMacs });
}

function sumOfWork(
  graph: Graph,
  { facts, macsOf }: { facts: Facts; macsOf: (node: Node, facts: Facts) => number },
): number {
  const readers = consumers(graph);
  const ofLayers = new Set<string>();
  let work = 0;
  for (const node of graph.nodes) {
    const macs = macsOf(node, facts);
    const [x] = node.inputs as [string];
    // The sigmoid of a SiLU stands beside what it is multiplied by.
    const isGate = node.operator === "Sigmoid" && readers.get(x)!.length > 1;
    const isFused = fused.has(node.operator) && ofLayers.has(x) && !isGate;
    if (macs > 0 || isFused) ofLayers.add(node.outputs[0]!);
    if (!isFused) work += workOf(node, { macs, facts });
  }
  return work;
}

function countVectorMacs(node: Node, facts: Facts): number {
  const macs = countMacs(node, facts);
  const [x, weight] = node.inputs.map((name) => facts.get(name)?.shape ?? []);
  if (node.operator !== "Conv" || macs === 0 || weight![1] !== x![1]) return macs;
  const waste = (channels: number) =>
    Math.ceil(channels / vectorLength) / (channels / vectorLength);
  const ofInputs = weight![1]! < vectorLength ? 1 : waste(weight![1]!);
  const columns = facts.get(node.outputs[0]!)!.shape!.at(-1)!;
  const ofRows = weight!.at(-1)! > 1 ? Math.max(1, pixelsPerBlock / columns) : 1;
  return macs * waste(weight![0]!) * ofInputs * ofRows;
}

function workOf(
  { operator, inputs, outputs }: Node,
  { macs, facts }: { macs: number; facts: Facts },
): number {
  const values = elementCount(facts.get(outputs[0] ?? "")?.shape ?? [0]);
  if (free.has(operator)) return 0;
  if (operator === "Transpose") return macsPerMovedValue * values;
  if (elementwise.has(operator)) return macsPerActivation * values;
  const [x, weight] = inputs.map((name) => facts.get(name)?.shape ?? []);
  const channels = weight?.[1] ?? 0;
  const isNarrow = operator === "Conv" && channels < x![1]! && channels < vectorLength;
  if (isNarrow) return macsPerValue * values + macsPerNarrowMac * macs;
  return Math.max(macs, macsPerValue * values);
}

/** Inputs that are settings or statistics rather than parameters, by operator. */
const settings = record<readonly number[]>(
  Object.entries({
    BatchNormalization: [3, 4],
    Clip: [1, 2],
    Dropout: [1],
    OneHot: [2],
    Pad: [2],
    Range: [0, 1, 2],
    Resize: [1, 2],
    Upsample: [1],
  }),
);

function countParameters(graph: Graph): number {
  const counted = new Set<string>();
  for (const node of graph.nodes) {
    const { operator } = node;
    const isLayer = layers.has(operator) || /^PRelu$|Normalization$/.test(operator);
    node.inputs.forEach((name, index) => {
      const value = graph.initializers.get(name);
      if (!value || !isFloat(value.dtype) || settings[node.operator]?.includes(index)) return;
      // A single number beside a layer is part of a formula, such as the 0.5 of a GELU.
      if (isLayer || elementCount(value.shape) > 1) counted.add(name);
    });
  }
  return [...counted].reduce(
    (total, name) => total + elementCount(graph.initializers.get(name)!.shape),
    0,
  );
}
