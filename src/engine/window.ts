// Sliding windows over a tensor's spatial axes: attributes, padding, and how libtorch gets them.

import { slideWindow, type Window } from "../graph/window.ts";
import { counted } from "../text.ts";
import type { Tensor } from "../torch/index.ts";
import { checkShape, padConstant } from "./aten.ts";
import type { Attributes } from "./attributes.ts";

/** A window and where it lands: `pads` with `auto_pad` worked out, `output` the number of steps. */
export interface PlacedWindow extends Window {
  readonly output: readonly number[];
}

/** Reads the window attributes of an operator on [N, C, ...]. Throws RangeError where they are unfit. */
export function placeWindow(
  x: Tensor,
  kernel: readonly number[],
  attributes: Attributes,
): PlacedWindow {
  const window = windowAttributes(kernel, attributes);
  const input = x.shape.slice(2);
  if (input.length !== kernel.length) {
    throw new RangeError(
      `a window of ${counted(kernel.length, "axis", "axes")} does not fit an input [${x.shape}]`,
    );
  }
  const { auto_pad: autoPad, ceil_mode: ceilMode } = attributes;
  const placed = slideWindow({
    ...window,
    input,
    autoPad: autoPad || "NOTSET",
    ceilMode: Boolean(ceilMode),
  });
  return { ...window, ...placed };
}

/** Kernel, strides, dilations and explicit padding. Throws RangeError for sizes that cannot be. */
export function windowAttributes(kernel: readonly number[], attributes: Attributes): Window {
  const rank = kernel.length;
  const { strides, dilations, pads } = attributes;
  const window = {
    kernel,
    strides: strides?.length ? strides : new Array<number>(rank).fill(1),
    dilations: dilations?.length ? dilations : new Array<number>(rank).fill(1),
    pads: pads?.length ? pads : new Array<number>(2 * rank).fill(0),
  };
  const { strides: steps, dilations: gaps, pads: around } = window;
  if (steps.length !== rank || gaps.length !== rank || around.length !== 2 * rank) {
    throw new RangeError(
      `strides [${steps}], dilations [${gaps}] and pads [${around}] do not fit kernel [${kernel}]`,
    );
  }
  if ([...kernel, ...steps, ...gaps].some((size) => size < 1) || around.some((size) => size < 0)) {
    throw new RangeError(
      `kernel [${kernel}], strides [${steps}], dilations [${gaps}] must be positive, pads [${around}] not negative`,
    );
  }
  return window;
}

/** Padding before each axis where it is the same behind; undefined where it is not. */
export function symmetricPadding(pads: readonly number[]): readonly number[] | undefined {
  const rank = pads.length / 2;
  const before = pads.slice(0, rank);
  return before.every((size, axis) => size === pads[axis + rank]) ? before : undefined;
}

/** Pads the spatial axes by [...before, ...after]. Negative sizes crop. */
export function padSpatial(x: Tensor, pads: readonly number[], value = 0): Tensor {
  if (pads.every((size) => size === 0)) return x;
  const rank = pads.length / 2;
  const padded = x.shape.map((size, axis) => {
    const spatial = axis - x.shape.length + rank;
    return spatial < 0 ? size : size + pads[spatial]! + pads[spatial + rank]!;
  });
  checkShape(padded, { mostElements: 2 ** 31 });
  // libtorch takes pairs, the last axis first.
  const pairs: number[] = [];
  for (let axis = rank - 1; axis >= 0; axis--) pairs.push(pads[axis]!, pads[axis + rank]!);
  return padConstant(x, pairs, value);
}

/** Padding with which the window takes exactly `output` steps: behind, it may differ from `pads`. */
export function exactPads(x: Tensor, window: PlacedWindow): number[] {
  const { kernel, strides, dilations, pads, output } = window;
  const rank = kernel.length;
  const after = kernel.map((size, axis) => {
    const extent = (size - 1) * dilations[axis]! + 1;
    const end = (output[axis]! - 1) * strides[axis]! + extent;
    return Math.max(0, end - x.shape[axis + 2]! - pads[axis]!);
  });
  return [...pads.slice(0, rank), ...after];
}
