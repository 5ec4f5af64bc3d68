// Pooling. libtorch pads symmetrically and by half a window at most; whatever else ONNX allows is
// padded by hand, and averages then come from sums and counts.

import { elementCount } from "../../graph/graph.ts";
import { isFloat } from "../../graph/tensorData.ts";
import { counted } from "../../text.ts";
import { ones, operator, type Tensor } from "../../torch/index.ts";
import {
  abs,
  add,
  amax,
  div,
  hostTensor,
  mulScalar,
  powScalar,
  range,
  reshape,
  sub,
  sum,
} from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { OperatorContext, Outputs } from "../operator.ts";
import {
  exactPads,
  type PlacedWindow,
  padSpatial,
  placeWindow,
  symmetricPadding,
} from "../window.ts";

// By number of spatial axes, from two on.
const averagePools = [operator("aten::avg_pool2d"), operator("aten::avg_pool3d")];
const maxPools = [operator("aten::max_pool2d"), operator("aten::max_pool3d")];
const maxPoolsWithIndices = [
  operator<[Tensor, Tensor]>("aten::max_pool2d_with_indices"),
  operator<[Tensor, Tensor]>("aten::max_pool3d_with_indices"),
];
const fusedMaxPool = operator("deepobf::max_pool");
const convolution = operator("aten::convolution");
const divideNumberRounding = operator("aten::div.Scalar_mode");
const remainder = operator("aten::remainder.Scalar");

/** The second output holds positions of the maxima in the whole input. */
export function MaxPool(
  [input]: [Tensor],
  { storage_order = 0, ...attributes }: Attributes,
  call: OperatorContext,
): Outputs {
  const { x, window } = place(
    isFloat(input.dtype) ? input : input.to({ dtype: "float32" }),
    attributes,
  );
  const { kernel, strides, dilations, output } = window;
  const shape = outputShape(input, output);
  const restored = (y: Tensor) => reshape(y, shape).to({ dtype: input.dtype });
  if (isFused(x, window) && !call.isUsed(1)) {
    return restored(fusedMaxPool(x, kernel, strides, window.pads.slice(0, 2), output));
  }
  const padding = libtorchPadding(window);
  const pads = padding ? [...padding, ...padding] : exactPads(x, window);
  const padded = padding ? x : padSpatial(x, pads, Number.NEGATIVE_INFINITY);
  const ceilMode = padding !== undefined && Boolean(attributes.ceil_mode);
  const options = [kernel, strides, padding ?? kernel.map(() => 0), dilations, ceilMode] as const;
  if (!call.isUsed(1)) return restored(chosen(maxPools, kernel)(padded, ...options));
  const [y, indices] = chosen(maxPoolsWithIndices, kernel)(padded, ...options);
  const size = padded.shape.slice(2);
  const before = padding ? pads.map(() => 0) : pads;
  const positions = positionsIn(x, { indices, size, before, columnMajor: storage_order !== 0 });
  return [restored(y), reshape(positions, shape)];
}

/** Whether `native/max_pool.cc` can do it, which takes a GoogLeNet's poolings 0.4 of libtorch's time. */
function isFused({ device, dtype }: Tensor, { kernel, dilations }: PlacedWindow): boolean {
  return (
    device === "cpu" &&
    (dtype === "float32" || dtype === "bfloat16") &&
    kernel.length === 2 &&
    elementCount(kernel) <= 256 &&
    dilations.every((dilation) => dilation === 1)
  );
}

/** Positions in the planes of the padded input, as positions in all of the input. */
function positionsIn(
  x: Tensor,
  options: {
    indices: Tensor;
    size: readonly number[];
    before: readonly number[];
    columnMajor: boolean;
  },
): Tensor {
  const { indices, size, before, columnMajor } = options;
  const spatial = x.shape.slice(2);
  const planes = elementCount(x.shape.slice(0, 2));
  const first = range(planes).map((plane) => plane * elementCount(spatial));
  let positions = hostTensor(first, x, {
    shape: [...x.shape.slice(0, 2), ...spatial.map(() => 1)],
  });
  size.forEach((length, axis) => {
    const inner = elementCount(size.slice(axis + 1));
    const coordinate = remainder(divideNumberRounding(indices, inner, "floor"), length);
    const shifted = sub(coordinate, hostTensor([before[axis]!], x));
    const stride = elementCount(columnMajor ? spatial.slice(0, axis) : spatial.slice(axis + 1));
    positions = add(positions, mulScalar(shifted, stride));
  });
  return positions;
}

export function AveragePool(
  [input]: [Tensor],
  { count_include_pad = 0, ...attributes }: Attributes,
): Tensor {
  const { x, window } = place(input, attributes);
  const { kernel, strides, dilations, output } = window;
  const shape = outputShape(input, output);
  const padding = dilations.every((gap) => gap === 1) ? libtorchPadding(window) : undefined;
  if (padding) {
    const ceilMode = Boolean(attributes.ceil_mode);
    const pool = chosen(averagePools, kernel);
    return reshape(pool(x, kernel, strides, padding, ceilMode, count_include_pad !== 0), shape);
  }
  const present = ones([1, 1, ...x.shape.slice(2)], { dtype: x.dtype, device: x.device });
  // Padding that counts is part of the window; what only fills up the last window never is.
  const counted = count_include_pad ? padSpatial(present, window.pads, 1) : present;
  const missing = exactPads(x, window).map((size, side) =>
    count_include_pad ? Math.max(0, size - window.pads[side]!) : size,
  );
  const counts = slideSum(padSpatial(counted, missing), window);
  return reshape(div(slideSum(padSpatial(x, exactPads(x, window)), window), counts), shape);
}

/** The p-norm of every window. */
export function LpPool([input]: [Tensor], { p = 2, ...attributes }: Attributes): Tensor {
  const { x, window } = place(input, attributes);
  const { output } = window;
  const shape = outputShape(input, output);
  const powers = padSpatial(powScalar(abs(x), p), exactPads(x, window));
  return reshape(powScalar(slideSum(powers, window), 1 / p), shape);
}

/** A sum and a factor: the gradient of a mean would divide every element of the map. */
export function GlobalAveragePool([x]: [Tensor]): Tensor {
  return mulScalar(sum(x, spatialAxes(x)), 1 / elementCount(x.shape.slice(2)));
}

export function GlobalMaxPool([x]: [Tensor]): Tensor {
  return x.shape.length > 2 ? amax(x, spatialAxes(x), true) : x;
}

export function GlobalLpPool([x]: [Tensor], { p = 2 }: Attributes): Tensor {
  return powScalar(sum(powScalar(abs(x), p), spatialAxes(x)), 1 / p);
}

/** Sum over every window of an input that is padded already. */
function slideSum(x: Tensor, { kernel, strides, dilations, output }: PlacedWindow): Tensor {
  const [batch = 1, channels = 1, ...spatial] = x.shape;
  const planes = reshape(x, [batch * channels, 1, ...spatial]);
  const zeros = new Array<number>(kernel.length).fill(0);
  const weight = ones([1, 1, ...kernel], { dtype: x.dtype, device: x.device });
  const sums = convolution(planes, weight, null, strides, zeros, dilations, false, zeros, 1);
  return reshape(sums, [batch, channels, ...output]);
}

/** The window over the input; a line becomes a plane of height 1. */
function place(input: Tensor, attributes: Attributes): { x: Tensor; window: PlacedWindow } {
  const window = placeWindow(input, attributes.kernel_shape ?? [], attributes);
  if (window.kernel.length !== 1) return { x: input, window };
  const [before = 0, after = 0] = window.pads;
  const [batch = 1, channels = 1, length = 1] = input.shape;
  return {
    x: reshape(input, [batch, channels, 1, length]),
    window: {
      kernel: [1, ...window.kernel],
      strides: [1, ...window.strides],
      dilations: [1, ...window.dilations],
      output: [1, ...window.output],
      pads: [0, before, 0, after],
    },
  };
}

/** The padding in the form that libtorch's pooling takes; undefined where it does not. */
function libtorchPadding({ kernel, pads }: PlacedWindow): readonly number[] | undefined {
  const padding = symmetricPadding(pads);
  return padding?.every((size, axis) => size <= kernel[axis]! / 2) ? padding : undefined;
}

function chosen<T>(pools: readonly T[], kernel: readonly number[]): T {
  const pool = pools[kernel.length - 2];
  if (!pool)
    throw new RangeError(`pooling over ${counted(kernel.length, "axis", "axes")} is not supported`);
  return pool;
}

/** Shape of the result: without the height that `place` gave a line. */
function outputShape(input: Tensor, output: readonly number[]): number[] {
  const spatial = input.shape.length - 2;
  return [...input.shape.slice(0, 2), ...output.slice(output.length - spatial)];
}

function spatialAxes(x: Tensor): number[] {
  return range(x.shape.length).slice(2);
}
