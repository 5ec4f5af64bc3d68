// Resampling. Every output element is a weighted sum of a few input elements along each axis, so an
// axis is resized by gathering and adding these; gradients come with it.
import { isFloat } from "../../graph/tensorData.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import {
  add,
  axisOf,
  checkShape,
  hostTensor,
  indexSelect,
  mostHostValues,
  mul,
  range,
} from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { OperatorContext } from "../operator.ts";
import { type AxisResampling, type ResamplingMode, resamplingTaps } from "../resampling.ts";

const affineGrid = operator("aten::affine_grid_generator");
const gridSampler = operator("aten::grid_sampler");

/** Before version 11 coordinates are divided by the scale, with no further attributes. */
export const Resize = {
  10: ([x]: [Tensor], { mode }: Attributes, call: OperatorContext): Tensor =>
    resizeByScales(x, { mode, scales: call.values(1) }, call),
  11: (
    [x]: [Tensor],
    { axes, mode, keep_aspect_ratio_policy: policy = "stretch", ...attributes }: Attributes,
    call: OperatorContext,
  ): Tensor => {
    const chosen = axes?.map((axis) => axisOf(axis, x.shape.length)) ?? range(x.shape.length);
    const lengths = chosen.map((axis) => x.shape[axis]!);
    const [roi, scales, sizes] = [call.values(1), call.values(2), call.values(3)];
    const crops = attributes.coordinate_transformation_mode === "tf_crop_and_resize";
    const region = crops && roi?.length === 2 * chosen.length ? roi : undefined;
    const target = sizes?.length
      ? targetOfSizes(lengths, sizes, policy)
      : targetOfScales(lengths, scales ?? [], region);
    return resampleAxes(x, { mode, attributes, axes: chosen, region, ...target }, call);
  },
};

export const Upsample = {
  7: ([x]: [Tensor], { mode, scales }: Attributes, call: OperatorContext): Tensor =>
    resizeByScales(x, { mode, scales }, call),
  9: ([x]: [Tensor], { mode }: Attributes, call: OperatorContext): Tensor =>
    resizeByScales(x, { mode, scales: call.values(1) }, call),
};

interface Target {
  readonly scales: readonly number[];
  readonly sizes: readonly number[];
}

interface Resampling extends Target {
  readonly mode: string | undefined;
  readonly attributes: Attributes;
  readonly axes: readonly number[];
  /** Starts, then ends of the part that is resized, as fractions of the axes. */
  readonly region: readonly number[] | undefined;
}

function resizeByScales(
  x: Tensor,
  { mode, scales = [] }: { mode: string | undefined; scales: readonly number[] | undefined },
  call: OperatorContext,
): Tensor {
  const options = {
    mode,
    attributes: { coordinate_transformation_mode: "asymmetric", nearest_mode: "simple" },
    axes: range(x.shape.length),
    region: undefined,
    ...targetOfScales(x.shape, scales),
  };
  return resampleAxes(x, options, call);
}

function targetOfScales(
  lengths: readonly number[],
  scales: readonly number[],
  region?: readonly number[],
): Target {
  if (scales.length !== lengths.length || scales.some((scale) => !(scale > 0))) {
    throw new RangeError(`scales [${scales}] do not fit sizes [${lengths}]`);
  }
  const part = (i: number) => (region ? region[i + lengths.length]! - region[i]! : 1);
  return {
    scales,
    sizes: lengths.map((length, i) => Math.floor(Math.fround(length * part(i) * scales[i]!))),
  };
}

function targetOfSizes(
  lengths: readonly number[],
  wanted: readonly number[],
  policy: string,
): Target {
  if (wanted.length !== lengths.length) {
    throw new RangeError(`sizes [${wanted}] do not fit sizes [${lengths}]`);
  }
  const ratios = wanted.map((size, i) => Math.fround(size / lengths[i]!));
  if (policy === "stretch") return { scales: ratios, sizes: wanted };
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return {
    scales: ratios.map(() => scale),
    sizes: lengths.map((length) => Math.round(scale * length)),
  };
}

function resampleAxes(
  x: Tensor,
  { mode = "nearest", attributes, axes, region, scales, sizes }: Resampling,
  call: OperatorContext,
): Tensor {
  const options = {
    mode: modeOf(mode),
    coordinates: attributes.coordinate_transformation_mode ?? "half_pixel",
    nearest: attributes.nearest_mode ?? "round_prefer_floor",
    cubicCoefficient: attributes.cubic_coeff_a ?? -0.75,
    excludeOutside: Boolean(attributes.exclude_outside),
    antialias: Boolean(attributes.antialias),
    extrapolation: attributes.extrapolation_value ?? 0,
  };
  // Axes that shrink come first, so that nothing in between is larger than both ends.
  const order = range(axes.length).sort(
    (a, b) => sizes[a]! / x.shape[axes[a]!]! - sizes[b]! / x.shape[axes[b]!]!,
  );
  return order.reduce((y, i) => {
    const [axis, size, scale] = [axes[i]!, sizes[i]!, scales[i]!];
    const length = y.shape[axis]!;
    if (length === size && scale === 1 && !region) return y;
    checkShape(y.shape.with(axis, size), call);
    const [start, end] = region ? [region[i]!, region[i + axes.length]!] : [0, 1];
    return resampleAxis(y, axis, { ...options, length, size, scale, start, end });
  }, x);
}

function modeOf(mode: string): ResamplingMode {
  if (mode === "nearest" || mode === "linear" || mode === "cubic") return mode;
  if (mode === "bilinear") return "linear";
  throw new RangeError(`mode "${mode}" is not supported`);
}

function resampleAxis(
  x: Tensor,
  axis: number,
  options: AxisResampling & { extrapolation: number },
): Tensor {
  checkHostValues(options);
  const { taps, outside } = resamplingTaps(options);
  const shape = x.shape.map((_, other) => (other === axis ? options.size : 1));
  const dtype = isFloat(x.dtype) ? x.dtype : "float32";
  const weigh = (y: Tensor, weights: readonly number[]) =>
    weights.every((weight) => weight === 1) ? y : mul(y, hostTensor(weights, x, { shape, dtype }));
  const parts = taps.map(({ positions, weights }) =>
    weigh(indexSelect(x, axis, hostTensor(positions, x)), weights),
  );
  const sums = parts.reduce((a, b) => add(a, b));
  if (!outside.includes(1)) return sums.to({ dtype: x.dtype });
  const inside = weigh(
    sums,
    outside.map((flag) => 1 - flag),
  );
  const filling = outside.map((flag) => flag * options.extrapolation);
  return add(inside, hostTensor(filling, x, { shape, dtype })).to({ dtype: x.dtype });
}

/** Refuses an axis whose positions and weights would fill the memory of the host. */
function checkHostValues({ size, scale, antialias, mode }: AxisResampling): void {
  const taps = mode === "nearest" ? 1 : Math.ceil(antialias && scale < 1 ? 4 / scale : 4);
  if (!(size * taps <= mostHostValues)) {
    throw new RangeError(`an axis of ${size} elements, each of ${taps} others, is too large`);
  }
}

const samplingModes: ReadonlyMap<string, number> = new Map([
  ["bilinear", 0],
  ["linear", 0],
  ["nearest", 1],
  ["bicubic", 2],
  ["cubic", 2],
]);
const samplingPaddings: ReadonlyMap<string, number> = new Map([
  ["zeros", 0],
  ["border", 1],
  ["reflection", 2],
]);

export function GridSample(
  [x, grid]: [Tensor, Tensor],
  { align_corners = 0, mode = "bilinear", padding_mode = "zeros" }: Attributes,
): Tensor {
  const [sampling, padding] = [samplingModes.get(mode), samplingPaddings.get(padding_mode)];
  if (sampling === undefined || padding === undefined) {
    throw new RangeError(`mode "${mode}" with padding "${padding_mode}" is not supported`);
  }
  return gridSampler(x, grid, sampling, padding, align_corners !== 0);
}

export function AffineGrid(
  [theta]: [Tensor],
  { align_corners = 0 }: Attributes,
  call: OperatorContext,
): Tensor {
  const size = call.values(1) ?? [];
  return affineGrid(theta, checkShape(size, call), align_corners !== 0);
}
