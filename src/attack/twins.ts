// The pirate removes what somebody has split: channels that are positive multiples of each other become one again, and
// the weights that read them, however large and cancelling they are, are added up. The network computes the same with
// fewer channels, and its gradients are those of the channels that there were.
import { findLinks, type Link, type LinkedLayer } from "../graph/channelLinks.ts";
import { channelAt } from "../graph/channelSlices.ts";
import { GraphEdit } from "../graph/edit.ts";
import { elementCount, type Graph, type Node, type TensorData } from "../graph/graph.ts";
import { factsForAnyBatch, growingAxis } from "../graph/rewrites/anyBatch.ts";
import { type Rounding, roundingOf } from "../graph/rounding.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";

/**
 * Directions of weights that differ by less are the same, and those that differ by no more than the rounding of both.
 * Where that is more than a row can bear, it says nothing.
 */
const [tolerance, mostRounding] = [1e-5, 0.05];

/** The graph with the twins merged between layers that positively homogeneous operators connect. */
export function mergeTwins(graph: Graph): Graph {
  const free = freeReshapes(graph);
  const links = findLinks(free);
  const initializers = new Map(free.initializers);
  for (const link of links) {
    if (link.isHomogeneous && link.repeats === 1) mergeLink(link, initializers);
  }
  return { ...free, initializers };
}

/** The graph with reshapes that keep the batch and take as many channels as come. */
function freeReshapes(graph: Graph): Graph {
  const { small, large } = factsForAnyBatch(graph);
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.map((node): Node => {
    if (node.operator !== "Reshape") return node;
    const [from, to] = [node.inputs[0]!, node.outputs[0]!].map((name) => small.get(name)?.shape);
    if (!from || !to || to.length < 2 || from[0] !== to[0]) return node;
    if (growingAxis(to, large.get(node.outputs[0]!)!.shape) > 0) return node;
    const sizes = edit.integers(`${node.outputs[0]}.sizes`, [0, -1, ...to.slice(2)]);
    return { ...node, inputs: node.inputs.with(1, sizes), attributes: {} };
  });
  return edit.result(nodes);
}

function mergeLink(
  { from, to, channels, block }: Link,
  initializers: Map<string, TensorData>,
): void {
  const rows = rowsOf(from, channels, initializers);
  const biases = from.bias ? toFloat32(initializers.get(from.bias)!) : new Float32Array(channels);
  const norms = rows.map((row, channel) =>
    Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0) + biases[channel]! ** 2),
  );
  const errors = roundingErrors(rows, norms, roundingOf(toFloat32(initializers.get(from.weight)!)));
  const isTwin = (a: number, b: number) => {
    const [x, y, n, m] = [rows[a]!, rows[b]!, norms[a]!, norms[b]!];
    const most = Math.max(tolerance, errors[a]! + errors[b]!);
    let distance = (biases[a]! / n - biases[b]! / m) ** 2;
    return (
      n * m > 0 &&
      x.every((value, i) => {
        distance += (value / n - y[i]! / m) ** 2;
        return distance < most ** 2;
      })
    );
  };
  const leaders: number[] = [];
  const leaderOf = rows.map((_, channel) => {
    const known = leaders.find((leader) => isTwin(leader, channel));
    if (known !== undefined) return known;
    leaders.push(channel);
    return channel;
  });
  if (leaders.length === channels) return;
  const place = new Map(leaders.map((leader, i) => [leader, i]));
  // Channel by channel, which leader it joins and how large it is beside it.
  const share = leaderOf.map((leader, channel) =>
    leader === channel ? 1 : norms[channel]! / norms[leader]!,
  );
  const target = leaderOf.map((leader) => place.get(leader)!);
  const keep = (name: string, axis: number) => {
    const isKept = leaderOf.map((leader, channel) => Number(leader === channel));
    const change = { axis, block: 1, target, factors: isKept, count: leaders.length };
    initializers.set(name, sumChannels(initializers.get(name)!, change));
  };
  keep(from.weight, from.outputAxis);
  if (from.bias) keep(from.bias, from.biasAxis);
  const change = { axis: to.inputAxis, block, target, factors: share, count: leaders.length };
  initializers.set(to.weight, sumChannels(initializers.get(to.weight)!, change));
}

/** How far the direction of each row may be off by the rounding of the type that held all rows, or each. */
function roundingErrors(
  rows: readonly Float32Array[],
  norms: readonly number[],
  ofAll: Rounding,
): number[] {
  return rows.map((row, channel) => {
    const { relative, absolute } = ofAll.relative + ofAll.absolute > 0 ? ofAll : roundingOf(row);
    const error = relative + (absolute * Math.sqrt(row.length)) / norms[channel]!;
    return error <= mostRounding ? error : 0;
  });
}

/** The weights of each output, which share their memory where they lie one row behind the other. */
function rowsOf(
  { weight, outputAxis }: LinkedLayer,
  channels: number,
  initializers: ReadonlyMap<string, TensorData>,
): Float32Array[] {
  const tensor = initializers.get(weight)!;
  const values = toFloat32(tensor);
  const width = values.length / channels;
  if (outputAxis === 0) {
    return Array.from({ length: channels }, (_, channel) =>
      values.subarray(channel * width, (channel + 1) * width),
    );
  }
  const channelOf = channelAt(tensor.shape, { axis: outputAxis }, channels);
  const rows = Array.from({ length: channels }, () => new Float32Array(width));
  const filled = new Uint32Array(channels);
  for (let i = 0; i < values.length; i++) {
    const channel = channelOf(i);
    rows[channel]![filled[channel]!++] = values[i]!;
  }
  return rows;
}

interface Change {
  readonly axis: number;
  /** Slices that are one channel. */
  readonly block: number;
  /** For each channel the one that it is added to, and its factor there. */
  readonly target: readonly number[];
  readonly factors: readonly number[];
  readonly count: number;
}

/** A tensor in which the channels that belong together are added up. */
function sumChannels(
  tensor: TensorData,
  { axis, block, target, factors, count }: Change,
): TensorData {
  const inner = elementCount(tensor.shape.slice(axis + 1)) * block;
  const outer = elementCount(tensor.shape.slice(0, axis));
  const from = toFloat32(tensor);
  const to = new Float64Array(outer * count * inner);
  for (let o = 0; o < outer; o++) {
    for (const [channel, place] of target.entries()) {
      const [start, end] = [(o * target.length + channel) * inner, (o * count + place) * inner];
      for (let k = 0; k < inner; k++) to[end + k]! += from[start + k]! * factors[channel]!;
    }
  }
  return fromFloat32(tensor.shape.with(axis, count * block), Float32Array.from(to));
}
