// Broadcasting, and computing small constant tensors on the host.

import { largest } from "../../lists.ts";
import { type DataType, elementCount, elementSize, type TensorData } from "../graph.ts";
import { fromNumbers, isFloat, pick, toNumbers } from "../tensorData.ts";
import { type Call, facts, type TensorFacts } from "./call.ts";

/** Constants with more elements are left to the engine: shape arithmetic never has that many. */
export const foldLimit = 4096;

/** What computing with an element costs, in steps of the budget. */
const stepsPerElement = 4;

/** The value of a tensor where it is known and small enough to compute with. */
export function smallValue({ value, shape }: TensorFacts): TensorData | undefined {
  return value && elementCount(shape) <= foldLimit ? value : undefined;
}

/**
 * A constant of this shape, where it is small enough: only then `compute` runs. An empty tensor needs no
 * computing, however large its other sizes are, so loops over the sizes of the result are short.
 * `visits` is the number of elements that computing looks at.
 */
export function fold(
  call: Call,
  { dtype, shape }: { dtype: DataType; shape: readonly number[] },
  { visits, compute }: { visits?: number; compute: () => TensorData | undefined },
): TensorData | undefined {
  const count = elementCount(shape);
  if (count === 0) return { dtype, shape, data: new Uint8Array(0) };
  if (!(count > 0 && count <= foldLimit)) return undefined;
  call.spend({ steps: stepsPerElement * (visits ?? count), bytes: count * elementSize[dtype] });
  return compute();
}

/** The common shape of tensors, by NumPy's rule. Throws ModelError with two shapes that do not fit. */
export function broadcast(call: Call, inputs: readonly TensorFacts[]): number[] {
  const rank = largest(inputs.map(({ shape }) => shape.length));
  call.spend({ steps: rank * inputs.length });
  return Array.from({ length: rank }, (_, axis) => {
    let [common, source] = [1, inputs[0]!];
    for (const input of inputs) {
      const size = input.shape[axis - rank + input.shape.length] ?? 1;
      if (size === 1 || size === common) continue;
      if (common !== 1) {
        const [first, second] = [source, input].map(({ shape }) => `[${shape.join(", ")}]`);
        call.fail(`shapes ${first} and ${second} do not fit together`);
      }
      [common, source] = [size, input];
    }
    return common;
  });
}

/** Row-major strides; 0 along axes of size 1, so that these broadcast. */
function broadcastStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = shape[axis] === 1 ? 0 : stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** For each element of `to`, the flat position in `from` that it comes from by broadcasting. */
export function broadcastPositions(from: readonly number[], to: readonly number[]): number[] {
  const missing = new Array<number>(to.length - from.length).fill(0);
  return stridedPositions(to, [...missing, ...broadcastStrides(from)]);
}

/** Flat positions of all elements of `shape` under the given strides, starting at `offset`. */
export function stridedPositions(
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): number[] {
  if (shape.includes(0)) return [];
  let positions = [offset];
  shape.forEach((size, axis) => {
    const next: number[] = [];
    for (const position of positions) {
      for (let i = 0; i < size; i++) next.push(position + i * strides[axis]!);
    }
    positions = next;
  });
  return positions;
}

/** Row-major strides of a shape. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  }
  return strides;
}

/** Elements of `x` at some positions, as a tensor of this shape. */
export function rearranged(
  call: Call,
  x: TensorFacts,
  shape: readonly number[],
  positions: () => readonly number[],
): TensorFacts {
  const { dtype } = x;
  const value = smallValue(x);
  const compute = () => value && pick(value, positions(), shape);
  return facts(dtype, shape, value && fold(call, { dtype, shape }, { compute }));
}

/** A tensor computed from numbers; undefined where its type cannot hold them exactly enough. */
export function constantOf(
  dtype: DataType,
  shape: readonly number[],
  values: readonly number[],
): TensorData | undefined {
  const holds = isFloat(dtype) || values.every(Number.isSafeInteger);
  return holds ? fromNumbers(dtype, shape, values) : undefined;
}

/** Applies a function of the elements at the same place where all inputs are small constants. */
export function foldElementwise(
  call: Call,
  inputs: readonly TensorFacts[],
  output: { dtype: DataType; shape: readonly number[] },
  compute: (elements: readonly number[]) => number,
): TensorData | undefined {
  const { dtype, shape } = output;
  const values = inputs.map(smallValue);
  if (!values.every((value) => value !== undefined)) return undefined;
  const count = elementCount(shape);
  return fold(call, output, {
    visits: count * values.length,
    compute: () => {
      const operands = values.map((value) => {
        const numbers = toNumbers(value);
        return broadcastPositions(value.shape, shape).map((position) => numbers[position]!);
      });
      const results = Array.from({ length: count }, (_, i) => compute(operands.map((o) => o[i]!)));
      return constantOf(dtype, shape, results);
    },
  });
}

/** The usual elementwise operator: broadcasts its inputs, which share a type, and folds constants. */
export function elementwise(
  call: Call,
  inputs: readonly TensorFacts[],
  { dtype, compute }: { dtype?: DataType; compute?: (elements: readonly number[]) => number },
): [TensorFacts] {
  const types = new Set(inputs.map((input) => input.dtype));
  if (types.size > 1) call.fail(`inputs differ in type: ${[...types].join(" and ")}`);
  const output = { dtype: dtype ?? inputs[0]!.dtype, shape: broadcast(call, inputs) };
  const value = compute && foldElementwise(call, inputs, output, compute);
  return [facts(output.dtype, output.shape, value)];
}
