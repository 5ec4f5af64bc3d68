// Arithmetic of linear layers and of scales and shifts of their columns.
import { attribute } from "../attributes.ts";
import type { Graph, Node } from "../graph.ts";
import { toNumbers } from "../tensorData.ts";

/** y = W x + b, W of [outputs, inputs] in row-major order. */
export interface Linear {
  readonly inputs: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

/** A scale and a shift for each column. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** A batch norm as a scale and shift of each channel; undefined in training form, or where it reads no constants. */
export function affineOfBatchNorm(
  node: Node,
  { initializers }: Pick<Graph, "initializers">,
): Affine | undefined {
  const constants = node.inputs.slice(1, 5).map((name) => initializers.get(name));
  if (attribute(node, "training_mode", "int") || constants.length < 4) return undefined;
  if (!constants.every((value) => value !== undefined)) return undefined;
  const [gamma, beta, mean, variance] = constants.map(toNumbers);
  const epsilon = attribute(node, "epsilon", "float") ?? 1e-5;
  const scale = Float64Array.from(gamma!, (value, i) => value / Math.sqrt(variance![i]! + epsilon));
  const shift = Float64Array.from(beta!, (value, i) => value - mean![i]! * scale[i]!);
  return { scale, shift };
}

/** A layer after a scale and shift of what it reads. */
export function afterAffine({ inputs, weight, bias }: Linear, { scale, shift }: Affine): Linear {
  const scaled = weight.map((value, i) => value * scale[i % inputs]!);
  const shifted = bias.map((value, row) => {
    let sum = value;
    for (let i = 0; i < inputs; i++) sum += weight[row * inputs + i]! * shift[i]!;
    return sum;
  });
  return { inputs, weight: scaled, bias: shifted };
}

/** A layer before a scale and shift of what it gives. */
export function beforeAffine({ inputs, weight, bias }: Linear, { scale, shift }: Affine): Linear {
  return {
    inputs,
    weight: weight.map((value, i) => value * scale[Math.floor(i / inputs)]!),
    bias: bias.map((value, row) => value * scale[row]! + shift[row]!),
  };
}

/** Two scales and shifts, one after the other. */
export function joinAffine(first: Affine | undefined, second: Affine): Affine {
  if (!first) return second;
  return {
    scale: first.scale.map((value, i) => value * second.scale[i]!),
    shift: first.shift.map((value, i) => value * second.scale[i]! + second.shift[i]!),
  };
}

/** Two layers, one after the other, as one. */
export function joinLayers(first: Linear, second: Linear): Linear {
  const [inputs, middle, outputs] = [first.inputs, second.inputs, second.bias.length];
  const weight = new Float64Array(outputs * inputs);
  const bias = second.bias.slice();
  for (let row = 0; row < outputs; row++) {
    for (let j = 0; j < middle; j++) {
      const factor = second.weight[row * middle + j]!;
      bias[row]! += factor * first.bias[j]!;
      for (let i = 0; i < inputs; i++) {
        weight[row * inputs + i]! += factor * first.weight[j * inputs + i]!;
      }
    }
  }
  return { inputs, weight, bias };
}
