// Convolutions over one, two or three spatial axes.

import { slideWindowTransposed } from "../../graph/window.ts";
import { cpuVectorBits, operator, type Tensor } from "../../torch/index.ts";
import { hasImages, isForAmx, ownParts } from "../amx.ts";
import { add, checkShape, permute, reshape, slice } from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { OperatorContext } from "../operator.ts";
import { padSpatial, placeWindow, symmetricPadding, windowAttributes } from "../window.ts";

const convolution = operator("aten::convolution");
const linear = operator("aten::linear");
const winograd = operator("deepobf::winograd");
const amxConvolution = operator("deepobf::amx_convolution");

/** From how many channels on native/winograd.cc is faster than oneDNN (docs/performance.md). */
const winogradChannels = { 512: 48, 256: 16, 0: Number.POSITIVE_INFINITY }[cpuVectorBits()];

export function Conv(
  [x, weight, bias]: [Tensor, Tensor, Tensor?],
  { group = 1, ...attributes }: Attributes,
  { device }: Pick<OperatorContext, "device">,
): Tensor {
  const placed = placeWindow(x, weight.shape.slice(2), attributes);
  const { pads, strides, dilations, kernel, output } = placed;
  const padding = symmetricPadding(pads);
  const isDense = device === "cpu" && group === 1 && kernel.length === 2;
  const isPointwise = kernel.every((size) => size === 1) && pads.every((size) => size === 0);
  // oneDNN's weight gradient of such a convolution takes up to 100 times as long in bfloat16.
  if (isDense && isPointwise && x.dtype === "bfloat16" && weight.requiresGrad) {
    return pointwise(everyNth(x, strides), weight, bias);
  }
  const window = [...kernel, ...strides, ...dilations, ...pads];
  if (isDense && isForWinograd(x, weight, window)) return winograd(x, weight, bias ?? null);
  if (isDense && padding && isForAmx(x, weight, dilations)) {
    const own = ownParts({ strides, output });
    return amxConvolution(x, weight, bias ?? null, strides, padding, ...own);
  }
  const padded = padding ? x : padSpatial(x, pads);
  const zeros = new Array<number>(kernel.length).fill(0);
  return convolution(
    padded,
    weight,
    bias ?? null,
    strides,
    padding ?? zeros,
    dilations,
    false,
    zeros,
    positiveGroup(group),
  );
}

/** Kernel, strides, dilations and padding of the convolutions of native/winograd.cc. */
const winogradWindow = String([3, 3, 1, 1, 1, 1, 1, 1, 1, 1]);

function isForWinograd(x: Tensor, weight: Tensor, window: readonly number[]): boolean {
  const [outputs, inputs] = weight.shape as [number, number];
  const isWide = Math.min(outputs, inputs) >= winogradChannels;
  const isInPanels = outputs % 16 === 0 && inputs % 16 === 0;
  const fits = isWide && isInPanels && String(window) === winogradWindow;
  return fits && x.dtype === "float32" && hasImages(x, weight);
}

/** Every pixel that a kernel of one meets. */
function everyNth(x: Tensor, strides: readonly number[]): Tensor {
  return strides.reduce(
    (kept, stride, axis) =>
      stride === 1 ? kept : slice(kept, axis + 2, 0, x.shape[axis + 2], stride),
    x,
  );
}

/** A convolution of single pixels as a matrix product, over channels that lie innermost in memory. */
function pointwise(x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const matrix = reshape(weight, weight.shape.slice(0, 2));
  // With its own bias, libtorch writes that to every pixel first and adds the product to it: up to seven times as long.
  const pixels = linear(permute(x, [0, 2, 3, 1]), matrix, null);
  return permute(bias ? add(pixels, bias) : pixels, [0, 3, 1, 2]);
}

export function ConvTranspose(
  [x, weight, bias]: [Tensor, Tensor, Tensor?],
  { group = 1, auto_pad, output_padding, output_shape, ...attributes }: Attributes,
  call: OperatorContext,
): Tensor {
  const kernel = weight.shape.slice(2);
  const window = windowAttributes(kernel, attributes);
  const zeros = new Array<number>(kernel.length).fill(0);
  const outputPadding = output_padding?.length ? output_padding : zeros;
  const { output, pads } = slideWindowTransposed({
    ...window,
    input: x.shape.slice(2),
    autoPad: auto_pad || "NOTSET",
    outputPadding,
    outputShape: output_shape?.slice(-kernel.length),
  });
  const { strides, dilations } = window;
  const extents = kernel.map((size, axis) => (size - 1) * dilations[axis]! + 1);
  const sizes = extents.map((size, axis) => (x.shape[axis + 2]! - 1) * strides[axis]! + size);
  checkShape([x.shape[0]!, weight.shape[1]! * group, ...sizes], call);
  const whole = convolution(
    x,
    weight,
    null,
    strides,
    zeros,
    dilations,
    true,
    zeros,
    positiveGroup(group),
  );
  // Cropping by hand serves padding of any kind: libtorch takes only the symmetric one.
  const after = output.map((size, axis) => size - (whole.shape[axis + 2]! - pads[axis]!));
  const cropped = padSpatial(whole, [...output.map((_, axis) => -pads[axis]!), ...after]);
  return bias ? add(cropped, reshape(bias, [1, -1, ...zeros.map(() => 1)])) : cropped;
}

function positiveGroup(group: number): number {
  if (group < 1) throw new RangeError(`"group" must be at least 1, but is ${group}`);
  return group;
}
