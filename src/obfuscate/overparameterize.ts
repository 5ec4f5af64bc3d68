// Over-parameterized convolutions: linear ones that learn together and are one convolution in the shipped
// chain. Either a parallel 1x1 convolution stands beside each KxK one (RepVGG, Ding et al. 2021, arXiv
// 2101.03697, section 3.3), or a 1x1 convolution is stacked before it (as in ExpandNets, Guo et al. 2020,
// arXiv 1811.10495, section 3.1).
import type { Graph, TensorData } from "../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { foldProjector, type Weights } from "./chain.ts";
import { withIdentity } from "./initialize.ts";

/**
 * The weights of the plain chain. `branch<i>` is added to the centre of `conv<i>`, `stacked<i>`, without a
 * bias as it is, is multiplied into it; both are gone.
 */
export function foldOverparameterized(weights: Weights): Map<string, TensorData> {
  const folded = new Map(weights);
  for (const { name, kind, convolution } of additionsAmong(weights)) {
    const [addition, weight] = [weights.get(name)!, weights.get(convolution)!];
    const one =
      kind === "branch"
        ? addToCentre(weight, toFloat32(addition))
        : foldProjector(weight, addition);
    folded.set(convolution, one);
    folded.delete(name);
  }
  return folded;
}

/**
 * The graph with additions that change nothing yet: a branch takes its part from its convolution, a
 * stacked convolution is the identity.
 */
export function startOverparameterized(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  for (const { name, kind, convolution } of additionsAmong(graph.initializers)) {
    const weight = initializers.get(convolution)!;
    const addition = initializers.get(name)!;
    if (kind === "stacked") {
      initializers.set(name, withIdentity(addition, 1));
    } else {
      const { part, rest } = splitCentre(weight);
      initializers.set(name, fromFloat32(addition.shape, part));
      initializers.set(convolution, rest);
    }
  }
  return { ...graph, initializers };
}

function additionsAmong(weights: Weights) {
  return [...weights.keys()].flatMap((name) => {
    const [, kind, layer] = /^(branch|stacked)(\d+)\.weight$/.exec(name) ?? [];
    return layer ? [{ name, kind, convolution: `conv${layer}.weight` }] : [];
  });
}

/**
 * Divides a convolution [O, I, KH, KW] in two, which compute together what it did alone. Both get the
 * same norm: an optimizer that rescales each weight to one norm (Muon) then scales their sum. That takes
 * c = |weight|² / 2 |centre|² of the centre as the branch; where the centre is zero, the branch is too.
 */
function splitCentre(weight: TensorData): { part: Float32Array; rest: TensorData } {
  const values = toFloat32(weight);
  const centre = Float32Array.from(centrePositions(weight), (at) => values[at]!);
  const energy = squares(centre);
  const share = energy > 0 ? squares(values) / (2 * energy) : 0;
  const part = centre.map((value) => share * value);
  const taken = part.map((value) => -value);
  return { part, rest: addToCentre(weight, taken) };
}

function addToCentre(weight: TensorData, addend: Float32Array): TensorData {
  const sum = Float32Array.from(toFloat32(weight));
  centrePositions(weight).forEach((at, i) => {
    sum[at]! += addend[i]!;
  });
  return fromFloat32(weight.shape, sum);
}

/** Where the centres of the kernels stand among the elements of [O, I, KH, KW], odd KH and KW. */
function centrePositions({ shape }: TensorData): number[] {
  const [outputs, inputs, height, width] = shape as [number, number, number, number];
  const area = height * width;
  return Array.from({ length: outputs * inputs }, (_, i) => i * area + (area - 1) / 2);
}

function squares(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
