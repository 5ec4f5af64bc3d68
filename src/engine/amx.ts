// Which convolutions native/amx.cc is faster with than oneDNN (docs/performance.md, "Convolutions on AMX").
import { hasMatrixUnits, type Tensor } from "../torch/index.ts";

const hasAmx = hasMatrixUnits();

/** Up to so many pixels in a row of the output: oneDNN's tiles hold pixels of one row. */
const shortRow = { forward: 8, inputGradient: 16 };

/** Whether it has a convolution with these dilations, if only for the weight gradient: bf16 on AMX, not of a few channels. */
export function isForAmx(x: Tensor, weight: Tensor, dilations: readonly number[]): boolean {
  const isPlain = dilations.every((dilation) => dilation === 1) && weight.shape[1]! >= 16;
  return hasAmx && x.dtype === "bfloat16" && isPlain && hasImages(x, weight);
}

/** Whether the convolution, and the gradient of its input, are to be its own. */
export function ownParts({
  strides,
  output,
}: {
  readonly strides: readonly number[];
  readonly output: readonly number[];
}): [forward: boolean, inputGradient: boolean] {
  const row = output[1]!;
  const isStrided = strides.some((stride) => stride > 1);
  return [row <= shortRow.forward, isStrided || row <= shortRow.inputGradient];
}

/** Whether a convolution has anything to do. */
export function hasImages(x: Tensor, weight: Tensor): boolean {
  return x.shape[1] === weight.shape[1] && !x.shape.includes(0) && !weight.shape.includes(0);
}
