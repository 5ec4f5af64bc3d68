// Which input elements, with which weights, make each output element of a resized axis.
// https://onnx.ai/onnx/operators/onnx__Resize.html
import { record } from "../record.ts";

export type ResamplingMode = "nearest" | "linear" | "cubic";

export interface AxisResampling {
  readonly mode: ResamplingMode;
  /** `coordinate_transformation_mode` of the specification. */
  readonly coordinates: string;
  /** `nearest_mode` of the specification; "simple" is what it was before version 11. */
  readonly nearest: string;
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly length: number;
  readonly size: number;
  readonly scale: number;
  /** Part of the axis that is resized, for tf_crop_and_resize. */
  readonly start: number;
  readonly end: number;
}

/** One summand of every output element. */
export interface Tap {
  readonly positions: readonly number[];
  readonly weights: readonly number[];
}

// ONNX Runtime works out coordinates in 32 bits; ties of "nearest" depend on it.
const f32 = Math.fround;

/** Position in the input of each output element, before rounding. */
const transformations = record<(x: number, axis: AxisResampling) => number>(
  Object.entries({
    half_pixel: (x, { scale }) => f32(f32((x + 0.5) / scale) - 0.5),
    half_pixel_symmetric: (x, { scale, length, size }) => {
      const adjustment = size / (scale * length);
      return f32((length / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5);
    },
    pytorch_half_pixel: (x, { scale, size }) => (size > 1 ? f32(f32((x + 0.5) / scale) - 0.5) : 0),
    align_corners: (x, { length, size }) =>
      size > 1 ? f32(f32(x * (length - 1)) / (size - 1)) : 0,
    asymmetric: (x, { scale }) => f32(x / scale),
    tf_half_pixel_for_nn: (x, { scale }) => f32((x + 0.5) / scale),
    tf_crop_and_resize: (x, { length, size, start, end }) =>
      size > 1
        ? f32(start * (length - 1) + (x * (end - start) * (length - 1)) / (size - 1))
        : f32(0.5 * (start + end) * (length - 1)),
  }),
);

const roundings = record<(x: number, scale: number) => number>(
  Object.entries({
    round_prefer_floor: (x) => Math.ceil(x - 0.5),
    round_prefer_ceil: (x) => Math.floor(x + 0.5),
    floor: (x) => Math.floor(x),
    ceil: (x) => Math.ceil(x),
    simple: (x, scale) => (scale < 1 ? Math.ceil(x) : Math.floor(x)),
  }),
);

/**
 * The summands of every output element along an axis, and flags of those elements that lie outside of
 * the input and take the extrapolation value. Throws RangeError for unknown modes.
 */
export function resamplingTaps(axis: AxisResampling): { taps: Tap[]; outside: number[] } {
  const { coordinates, length, size } = axis;
  const transformation = transformations[coordinates];
  if (!transformation) throw new RangeError(`coordinates "${coordinates}" are not supported`);
  const centers = Array.from({ length: size }, (_, x) => transformation(x, axis));
  const crops = coordinates === "tf_crop_and_resize";
  const outside = centers.map((center) => (crops && (center < 0 || center > length - 1) ? 1 : 0));
  return {
    taps: axis.mode === "nearest" ? [nearestTap(centers, axis)] : filterTaps(centers, axis),
    outside,
  };
}

function nearestTap(centers: readonly number[], { nearest, scale, length }: AxisResampling): Tap {
  const round = roundings[nearest];
  if (!round) throw new RangeError(`nearest mode "${nearest}" is not supported`);
  const positions = centers.map((center) => inside(round(center, scale), length));
  return { positions, weights: centers.map(() => 1) };
}

function filterTaps(centers: readonly number[], axis: AxisResampling): Tap[] {
  const { mode, scale, length, cubicCoefficient, antialias, excludeOutside } = axis;
  const filter = mode === "linear" ? triangle : (x: number) => cubic(x, cubicCoefficient);
  // With antialiasing the filter widens to cover all elements that fall together.
  const stretch = antialias && scale < 1 ? scale : 1;
  const radius = (mode === "linear" ? 1 : 2) / stretch;
  const first = centers.map((center) => Math.floor(center - radius) + 1);
  const count = Math.ceil(2 * radius) + (stretch < 1 ? 1 : 0);
  const rows = centers.map((center, x) => {
    const weights = Array.from({ length: count }, (_, tap) => {
      const position = first[x]! + tap;
      const ignored = excludeOutside && (position < 0 || position >= length);
      return ignored ? 0 : filter((position - center) * stretch);
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return excludeOutside || antialias ? weights.map((weight) => weight / total) : weights;
  });
  return Array.from({ length: count }, (_, tap) => ({
    positions: first.map((position) => inside(position + tap, length)),
    weights: rows.map((row) => row[tap]!),
  }));
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** Keys' cubic convolution kernel (1981). */
function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

function inside(position: number, length: number): number {
  return Math.min(Math.max(position, 0), length - 1);
}
