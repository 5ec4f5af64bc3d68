// Sizes and padding of sliding windows: what Conv, ConvTranspose and the pooling operators share.
// https://onnx.ai/onnx/operators/onnx__AveragePool.html gives the formulas.
import { attribute } from "./attributes.ts";
import type { Node } from "./graph.ts";

/** A sliding window over the spatial axes, one entry an axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before each axis, then after each axis. */
  readonly pads: readonly number[];
}

/** Whether a node's window leaves pixels out between those that it sees. */
export function isDilated(node: Node): boolean {
  return attribute(node, "dilations", "ints")?.some((step) => step !== 1) ?? false;
}

interface WindowOptions extends Window {
  /** Spatial sizes of the input. */
  readonly input: readonly number[];
  readonly autoPad: string;
  readonly ceilMode?: boolean;
}

/** The output sizes of a window over `input`, and its padding with `auto_pad` worked out. */
export function slideWindow(options: WindowOptions): { output: number[]; pads: number[] } {
  const { input, kernel, strides, dilations, autoPad, ceilMode = false } = options;
  const rank = kernel.length;
  const same = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
  const pads = autoPad === "NOTSET" ? [...options.pads] : new Array<number>(2 * rank).fill(0);
  const output = kernel.map((size, axis) => {
    const extent = (size - 1) * dilations[axis]! + 1;
    const stride = strides[axis]!;
    const length = input[axis]!;
    if (same) {
      const steps = Math.ceil(length / stride);
      const total = Math.max(0, (steps - 1) * stride + extent - length);
      splitPadding(pads, { axis, total, autoPad });
      return steps;
    }
    const begin = pads[axis]!;
    const room = (length + begin + pads[axis + rank]! - extent) / stride;
    if (room < 0) return 0;
    const steps = (ceilMode ? Math.ceil(room) : Math.floor(room)) + 1;
    // A window that would start in the padding behind the input is left out.
    return ceilMode && (steps - 1) * stride >= length + begin ? steps - 1 : steps;
  });
  return { output, pads };
}

interface TransposedWindowOptions extends WindowOptions {
  readonly outputPadding: readonly number[];
  /** Output sizes that the model asks for; the padding follows from them. */
  readonly outputShape: readonly number[] | undefined;
}

/** The output sizes of a transposed convolution, and its padding. */
export function slideWindowTransposed(options: TransposedWindowOptions): {
  output: number[];
  pads: number[];
} {
  const { input, kernel, strides, dilations, outputPadding, autoPad, outputShape } = options;
  const rank = kernel.length;
  const pads = autoPad === "NOTSET" ? [...options.pads] : new Array<number>(2 * rank).fill(0);
  const output = kernel.map((size, axis) => {
    const extent = (size - 1) * dilations[axis]! + 1;
    const full = strides[axis]! * (input[axis]! - 1) + outputPadding[axis]! + extent;
    const same = autoPad.startsWith("SAME") ? input[axis]! * strides[axis]! : undefined;
    const wanted = outputShape?.[axis] ?? same;
    if (wanted === undefined) return full - pads[axis]! - pads[axis + rank]!;
    const total = Math.max(0, full - wanted);
    splitPadding(pads, { axis, total, autoPad });
    // A stride beyond the kernel leaves less than SAME asks for; there is no negative padding.
    return outputShape ? wanted : full - total;
  });
  return { output, pads };
}

// SAME_UPPER puts the odd pixel at the end, everything else at the beginning.
function splitPadding(
  pads: number[],
  { axis, total, autoPad }: { axis: number; total: number; autoPad: string },
): void {
  const less = Math.floor(total / 2);
  const begin = autoPad === "SAME_UPPER" ? less : total - less;
  pads[axis] = begin;
  pads[axis + pads.length / 2] = total - begin;
}
