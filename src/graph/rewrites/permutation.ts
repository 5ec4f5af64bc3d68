// Permutations of axes as ONNX's `Transpose` has them: axis i of the result is axis p[i] of the operand.
import { attribute } from "../attributes.ts";
import type { Node, TensorData } from "../graph.ts";
import { rowMajorStrides, stridedPositions } from "../shapes/folding.ts";
import { pick } from "../tensorData.ts";

export type Permutation = readonly number[];

export function identity(rank: number): Permutation {
  return Array.from({ length: rank }, (_, axis) => axis);
}

export function isIdentity(permutation: Permutation): boolean {
  return permutation.every((from, axis) => from === axis);
}

export function inverse(permutation: Permutation): Permutation {
  return identity(permutation.length).map((axis) => permutation.indexOf(axis));
}

/** The permutation of what `first` gives by `second`. */
export function compose(first: Permutation, second: Permutation): Permutation {
  return second.map((axis) => first[axis]!);
}

/** What is left of a permutation where only some axes of its result stay. */
export function restrict(permutation: Permutation, kept: readonly number[]): Permutation {
  const from = kept.map((axis) => permutation[axis]!);
  const sorted = from.toSorted((a, b) => a - b);
  return from.map((axis) => sorted.indexOf(axis));
}

/** Whether a permutation of a tensor of this shape moves axes of size 1 alone, so that no element moves. */
export function movesNothing(shape: readonly number[], permutation: Permutation): boolean {
  const kept = permutation.filter((axis) => shape[axis]! > 1);
  return kept.every((axis, i) => i === 0 || axis > kept[i - 1]!);
}

/** The permutation of a `Transpose` between channels first and channels last. */
export function layoutChange(node: Node | undefined): Permutation | undefined {
  if (node?.operator !== "Transpose" || node.domain !== "") return undefined;
  const permutation = attribute(node, "perm", "ints");
  const isChange = String(permutation) === "0,2,3,1" || String(permutation) === "0,3,1,2";
  return isChange ? permutation : undefined;
}

/** For every element of the permuted tensor, in its order, the position in a tensor of `shape`. */
export function permutedPositions(shape: readonly number[], permutation: Permutation): number[] {
  const strides = rowMajorStrides(shape);
  return stridedPositions(
    permutation.map((axis) => shape[axis]!),
    permutation.map((axis) => strides[axis]!),
  );
}

/** A constant with its axes permuted; missing leading axes count as axes of size 1. */
export function permuteConstant(value: TensorData, permutation: Permutation): TensorData {
  const missing = new Array<number>(permutation.length - value.shape.length).fill(1);
  const shape = [...missing, ...value.shape];
  const positions = permutedPositions(shape, permutation);
  return pick(
    value,
    positions,
    permutation.map((axis) => shape[axis]!),
  );
}
