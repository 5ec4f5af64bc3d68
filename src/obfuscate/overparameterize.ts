// Over-parameterized convolutions (RepVGG, Ding et al. 2021, arXiv 2101.03697, section 3.3): while it
// learns, a KxK convolution is the sum of itself and a parallel 1x1 convolution. Both are linear, so
// the sum is one KxK convolution: the shipped chain is as plain as without.
import type { Graph, TensorData } from "../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import type { Weights } from "./chain.ts";

/** The weights of the plain chain: `branch<i>` is added to the centre of `conv<i>` and is gone. */
export function foldBranches(weights: Weights): Map<string, TensorData> {
  const folded = new Map(weights);
  for (const { branch, convolution } of branchesAmong(weights)) {
    const [addend, weight] = [weights.get(branch)!, weights.get(convolution)!];
    folded.set(convolution, addToCentre(weight, toFloat32(addend)));
    folded.delete(branch);
  }
  return folded;
}

/**
 * Divides every convolution [O, I, KH, KW] that has a branch between the two, so that they compute
 * together what it did alone. Both get the same norm: an optimizer that rescales each weight to one norm
 * (Muon) then scales their sum. That takes c = |weight|² / 2 |centre|² of the centre as the branch;
 * where the centre is zero, the branch is too.
 */
export function splitBranches(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  for (const { branch, convolution } of branchesAmong(graph.initializers)) {
    const weight = initializers.get(convolution)!;
    const values = toFloat32(weight);
    const centre = Float32Array.from(centrePositions(weight), (at) => values[at]!);
    const energy = squares(centre);
    const share = energy > 0 ? squares(values) / (2 * energy) : 0;
    const part = centre.map((value) => share * value);
    const rest = centre.map((value) => -share * value);
    initializers.set(branch, fromFloat32(initializers.get(branch)!.shape, part));
    initializers.set(convolution, addToCentre(weight, rest));
  }
  return { ...graph, initializers };
}

function branchesAmong(weights: Weights): { branch: string; convolution: string }[] {
  return [...weights.keys()]
    .filter((name) => /^branch\d+\.weight$/.test(name))
    .map((branch) => ({ branch, convolution: branch.replace("branch", "conv") }));
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
