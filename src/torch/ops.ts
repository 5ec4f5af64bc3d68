// Thin typed functions for the operators that DeepObf uses by name, spelled as in torch.nn.functional.
import { operator } from "./operator.ts";
import type { Tensor } from "./tensor.ts";

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;
type WithNumber = (a: Tensor, b: number) => Tensor;

export const relu: Unary = operator("aten::relu");
export const sqrt: Unary = operator("aten::sqrt");
export const square: Unary = operator("aten::square");
export const transpose: Unary = operator("aten::t");

/** Elementwise sum with broadcasting. */
export const add: Binary = operator("aten::add.Tensor");
export const sub: Binary = operator("aten::sub.Tensor");
export const mul: Binary = operator("aten::mul.Tensor");
export const div: Binary = operator("aten::div.Tensor");
export const matmul: Binary = operator("aten::matmul");

export const addScalar: WithNumber = operator("aten::add.Scalar");
export const mulScalar: WithNumber = operator("aten::mul.Scalar");
export const divScalar: WithNumber = operator("aten::div.Scalar");

const atenConv2d = operator("aten::conv2d");

/** Convolution of [N, C, H, W] with weight [O, C/groups, KH, KW]. */
export function conv2d(
  input: Tensor,
  weight: Tensor,
  options: {
    readonly bias?: Tensor;
    readonly stride?: readonly [number, number];
    readonly padding?: readonly [number, number];
    readonly dilation?: readonly [number, number];
    readonly groups?: number;
  } = {},
): Tensor {
  return atenConv2d(
    input,
    weight,
    options.bias,
    options.stride,
    options.padding,
    options.dilation,
    options.groups,
  );
}

const atenMean = operator("aten::mean.dim");
const atenMeanAll = operator("aten::mean");
const atenSum = operator("aten::sum.dim_IntList");
const atenSumAll = operator("aten::sum");

/** Mean over `dimensions` (all by default). */
export function mean(x: Tensor, dimensions?: readonly number[], keepDimensions = false): Tensor {
  return dimensions ? atenMean(x, dimensions, keepDimensions) : atenMeanAll(x);
}

/** Sum over `dimensions` (all by default). */
export function sum(x: Tensor, dimensions?: readonly number[], keepDimensions = false): Tensor {
  return dimensions ? atenSum(x, dimensions, keepDimensions) : atenSumAll(x);
}

const atenReshape = operator("aten::reshape");

export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return atenReshape(x, shape);
}

const atenSlice = operator("aten::slice.Tensor");

/** Elements start, start + 1, ... below end along one dimension; shares memory. */
export function narrow(x: Tensor, start: number, end: number, dimension = 0): Tensor {
  return atenSlice(x, dimension, start, end);
}

/** Rows of `x` along `dimension`, chosen by an int64 vector. */
export const indexSelect = operator("aten::index_select") as (
  x: Tensor,
  dimension: number,
  index: Tensor,
) => Tensor;

const atenLogSoftmax = operator("aten::log_softmax.int");
const atenSoftmax = operator("aten::softmax.int");

/** Logarithm of the softmax over the last dimension. */
export function logSoftmax(x: Tensor): Tensor {
  return atenLogSoftmax(x, -1);
}

/** Softmax over the last dimension. */
export function softmax(x: Tensor): Tensor {
  return atenSoftmax(x, -1);
}

const atenCrossEntropy = operator("aten::cross_entropy_loss");
const [meanReduction, sumReduction] = [1, 2];
const ignoredLabel = -100;

/** Mean cross entropy of logits [N, K] and class numbers [N] (int64), with label smoothing in [0, 1). */
export function crossEntropy(logits: Tensor, labels: Tensor, labelSmoothing = 0): Tensor {
  return atenCrossEntropy(logits, labels, null, meanReduction, ignoredLabel, labelSmoothing);
}

/** The sum of the same over the images whose label is not -100. */
export function summedCrossEntropy(logits: Tensor, labels: Tensor, labelSmoothing = 0): Tensor {
  return atenCrossEntropy(logits, labels, null, sumReduction, ignoredLabel, labelSmoothing);
}

const atenMse = operator("aten::mse_loss");

/** Mean squared error. */
export function meanSquaredError(a: Tensor, b: Tensor): Tensor {
  return atenMse(a, b, meanReduction);
}

const atenArgmax = operator("aten::argmax");

/** Index of the largest element along the last dimension, int64. */
export function argmax(x: Tensor): Tensor {
  return atenArgmax(x, -1);
}

/** Copies the elements of `source` into `target`, converting type and device. */
export const copyInto = operator("aten::copy_") as (target: Tensor, source: Tensor) => Tensor;

/** Tensors of one shape along a new first dimension. */
export const stack = operator("aten::stack") as (tensors: readonly Tensor[]) => Tensor;

/** The part at an index of a dimension, which is left out; shares memory. */
export const select = operator("aten::select.int") as (
  x: Tensor,
  dimension: number,
  index: number,
) => Tensor;
