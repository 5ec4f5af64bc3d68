// The pirate removes what somebody has split: channels that are positive multiples of each other become one again, and
// the weights that read them, however large and cancelling they are, are added up. The network computes the same with
// fewer channels, and its gradients are those of the channels that there were.
import { elementCount, type Graph, type TensorData } from "../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { findLinks, type Layer, type Link } from "../obfuscate/links.ts";

/** Directions of weights that differ by less are the same. */
const tolerance = 1e-5;

/** The graph with the twins merged between layers that positively homogeneous operators connect. */
export function mergeTwins(graph: Graph): Graph {
  const links = findLinks(graph);
  const initializers = new Map(graph.initializers);
  for (const link of links) {
    if (link.isHomogeneous && link.repeats === 1) mergeLink(link, initializers);
  }
  return { ...graph, initializers };
}

function mergeLink(
  { from, to, channels, block }: Link,
  initializers: Map<string, TensorData>,
): void {
  const rows = rowsOf(from, channels, initializers);
  const norms = rows.map((row) => Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0)));
  const isTwin = (a: number, b: number) => {
    const [x, y, n, m] = [rows[a]!, rows[b]!, norms[a]!, norms[b]!];
    let distance = 0;
    return (
      n * m > 0 &&
      x.every((value, i) => {
        distance += (value / n - y[i]! / m) ** 2;
        return distance < tolerance ** 2;
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
    initializers.set(name, gather(initializers.get(name)!, change));
  };
  keep(from.weight, from.outputAxis);
  if (from.bias) keep(from.bias, from.biasAxis);
  const change = { axis: to.inputAxis, block, target, factors: share, count: leaders.length };
  initializers.set(to.weight, gather(initializers.get(to.weight)!, change));
}

/** Weights and bias of each output. */
function rowsOf(
  { weight, outputAxis, bias }: Layer,
  channels: number,
  initializers: ReadonlyMap<string, TensorData>,
): number[][] {
  const { shape } = initializers.get(weight)!;
  const inner = elementCount(shape.slice(outputAxis + 1));
  const rows = Array.from({ length: channels }, (): number[] => []);
  for (const [i, value] of toFloat32(initializers.get(weight)!).entries()) {
    rows[Math.floor(i / inner) % channels]!.push(value);
  }
  const biases = bias && toFloat32(initializers.get(bias)!);
  if (biases) for (const [i, row] of rows.entries()) row.push(biases[i]!);
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

function gather(tensor: TensorData, { axis, block, target, factors, count }: Change): TensorData {
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
