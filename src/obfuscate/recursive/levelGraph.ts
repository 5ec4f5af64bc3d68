// The chain as graphs: the segments of one level of the recursion side by side, and what their trained
// weights become when two segments are composed.
import { GraphBuilder } from "../../graph/builder.ts";
import { elementCount, type Graph, type TensorData } from "../../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../../graph/tensorData.ts";
import { appendLayers, layerNames } from "../../models/index.ts";
import type { ChainPlan } from "../plan.ts";
import type { Weights } from "../weights.ts";
import type { Segment } from "./segments.ts";

export const inputOf = ({ first }: Segment) => `input${first}`;
export const outputOf = ({ last }: Segment) => `output${last}`;
const projectorOf = ({ last }: Segment) => `projector${last}`;

/**
 * Graph of the segments side by side. Inside the chain a segment ends in its own channels, which a
 * projector, a linear 1x1 convolution, maps to the original's. `shapeOf` gives the [C, H, W] of a
 * tensor of the original.
 */
export function levelGraph(
  plan: ChainPlan,
  segments: readonly Segment[],
  { seed, shapeOf }: { seed: number; shapeOf: (tensor: string) => readonly number[] },
): Graph {
  const build = new GraphBuilder({ seed });
  for (const segment of segments) {
    const { first, last, from, to } = segment;
    let x = build.input(inputOf(segment), ["N", ...shapeOf(from)]);
    const layers = plan.layers.slice(first - 1, last);
    x = appendLayers(build, x, { layers, first });
    if (last < plan.layers.length) {
      x = build.conv(x, { name: projectorOf(segment), outputs: shapeOf(to)[0]!, kernel: 1 });
    }
    build.output(x, outputOf(segment));
  }
  return build.build();
}

/**
 * A level's graph started from the weights of the level before. Where a segment is composed of two, the
 * first one's projector is folded into the convolution behind it: without a bias, zero padding stays zero.
 */
export function startFrom(graph: Graph, weights: Weights, segments: readonly Segment[]): Graph {
  const initializers = new Map(graph.initializers);
  for (const name of initializers.keys()) {
    const trained = weights.get(name);
    if (trained) initializers.set(name, trained);
  }
  for (const { parts } of segments) {
    if (!parts) continue;
    const [before, after] = parts;
    const name = layerNames.convolution(after.first);
    const [weight, projector] = [weights.get(name), weights.get(`${projectorOf(before)}.weight`)];
    if (weight && projector) initializers.set(name, foldProjector(weight, projector));
  }
  return { ...graph, initializers };
}

/** The weight [O, W, KH, KW] of a convolution [O, C, KH, KW] behind a linear map [C, W, 1, 1]. */
export function foldProjector(weight: TensorData, projector: TensorData): TensorData {
  const [outputs, middle, ...kernel] = weight.shape as [number, number, ...number[]];
  const inputs = projector.shape[1] as number;
  const area = elementCount(kernel);
  const [w, p] = [toFloat32(weight), toFloat32(projector)];
  const folded = new Float64Array(outputs * inputs * area);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < middle; c++) {
      for (let i = 0; i < inputs; i++) {
        const factor = p[c * inputs + i]!;
        const [from, to] = [(o * middle + c) * area, (o * inputs + i) * area];
        for (let k = 0; k < area; k++) folded[to + k]! += factor * w[from + k]!;
      }
    }
  }
  return fromFloat32([outputs, inputs, ...kernel], Float32Array.from(folded));
}
