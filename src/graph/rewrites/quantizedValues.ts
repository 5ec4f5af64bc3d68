// Whole numbers under a scale and a zero point, and the floats that they stand for.
// https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
import { fromFront } from "../attributes.ts";
import { type DataType, elementCount, type TensorData } from "../graph.ts";
import { fromNumbers, roundHalfToEven, toNumbers } from "../tensorData.ts";

/** What turns whole numbers into floats: (number - zero) * scale. Without a zero point it is 0. */
export interface QuantizationParameters {
  readonly scale: TensorData;
  readonly zero: TensorData | undefined;
}

/** Where the scales of weights lie. */
export interface Layout {
  /** The axis with a scale for each place, or for each block of places; counted back if negative. */
  readonly axis: number;
  /** Places that share a scale; 0 where each has its own. */
  readonly block?: number | undefined;
}

/** The floats that whole numbers stand for, in the type of the scale. */
export function dequantizeValues(
  value: TensorData,
  by: QuantizationParameters,
  layout: Layout,
): TensorData {
  const stepAt = stepsOf(by, value.shape, layout);
  const floats = toNumbers(value).map((number, position) => {
    const { scale, zero } = stepAt(position);
    return (number - zero) * scale;
  });
  return fromNumbers(by.scale.dtype, value.shape, floats);
}

/**
 * The whole numbers that stand for floats, as QuantizeLinear rounds and cuts them off; undefined for types whose limits
 * are not known.
 */
export function quantizeValues(
  value: TensorData,
  by: QuantizationParameters,
  layout: Layout,
): TensorData | undefined {
  const dtype = by.zero?.dtype ?? "uint8";
  const range = quantizedRanges.get(dtype);
  if (!range) return undefined;
  const stepAt = stepsOf(by, value.shape, layout);
  const numbers = toNumbers(value).map((float, position) => {
    const { scale, zero } = stepAt(position);
    return clamp(roundHalfToEven(Math.fround(float / scale)) + zero, range);
  });
  return fromNumbers(dtype, value.shape, numbers);
}

/** The number itself, or the limit that it is beyond. */
export function clamp(number: number, [least, most]: readonly [number, number]): number {
  return Math.min(Math.max(number, least), most);
}

/** The scale and zero point at each position of a tensor of this shape. */
function stepsOf(
  by: QuantizationParameters,
  shape: readonly number[],
  { axis, block = 0 }: Layout,
): (position: number) => { readonly scale: number; readonly zero: number } {
  const [scales, zeros] = [toNumbers(by.scale), zerosOf(by)];
  const along = fromFront(axis, shape.length);
  const inner = elementCount(shape.slice(along + 1));
  const length = shape[along] ?? 1;
  const blocks = block > 0 ? Math.ceil(length / block) : length;
  return (position) => {
    const place = Math.floor(position / inner) % length;
    const outer = Math.floor(position / (inner * length));
    const step =
      block === 0
        ? place
        : (outer * blocks + Math.floor(place / block)) * inner + (position % inner);
    return { scale: at(scales, step), zero: at(zeros, step) };
  };
}

/** The quantization of numbers that stand for themselves, as floats of this type: no range cuts anything off. */
export function unitOf(dtype: DataType): QuantizationParameters {
  return { scale: fromNumbers(dtype, [], [1]), zero: fromNumbers("int32", [], [0]) };
}

/**
 * What turns the floats that whole numbers stand for into those that they stand for under other parameters: a factor,
 * and what is added then. Undefined where parameters differ that hold for single places of an axis.
 */
export function rescaling(
  from: QuantizationParameters,
  to: QuantizationParameters,
): { readonly factor: number; readonly offset: number } | undefined {
  const [steps, wanted] = [toNumbers(from.scale), toNumbers(to.scale)];
  const [zeros, wantedZeros] = [zerosOf(from), zerosOf(to)];
  const isSame = (value: number, i: number) =>
    value === wanted[i] && at(zeros, i) === at(wantedZeros, i);
  if (steps.length === wanted.length && steps.every(isSame)) return { factor: 1, offset: 0 };
  if (steps.length !== 1 || wanted.length !== 1) return undefined;
  const [step = 1] = wanted;
  return { factor: step / steps[0]!, offset: (zeros[0]! - wantedZeros[0]!) * step };
}

function zerosOf({ zero }: QuantizationParameters): readonly number[] {
  return zero ? toNumbers(zero) : [0];
}

/** A value for each place, or one for all. */
function at(values: readonly number[], place: number): number {
  return values.length === 1 ? values[0]! : values[place]!;
}

/** The least and the greatest number of the types whose range may cut something off. */
export const quantizedRanges: ReadonlyMap<DataType, readonly [least: number, most: number]> =
  new Map([
    ["uint8", [0, 255]],
    ["int8", [-128, 127]],
    ["uint16", [0, 65535]],
    ["int16", [-32768, 32767]],
  ]);

/** The least and the greatest float that can be written; undefined where there are several scales, or no limits. */
export function floatRange({
  scale,
  zero,
}: QuantizationParameters): readonly [least: number, most: number] | undefined {
  const range = quantizedRanges.get(zero?.dtype ?? "uint8");
  if (!range || elementCount(scale.shape) !== 1) return undefined;
  const [step = 1] = toNumbers(scale);
  const [offset = 0] = zero ? toNumbers(zero) : [];
  const [least, most] = range;
  return [(least - offset) * step, (most - offset) * step];
}
