// Channels of a tensor: slices along an axis, scaled and put into another order.
import { elementCount, type TensorData } from "./graph.ts";
import { fromFloat32, toFloat32 } from "./tensorData.ts";

/** Where the channels of a tensor are. They may stand there several times, one row of them behind the other. */
export interface Channels {
  readonly axis: number;
  /** How many neighbouring slices a channel is; 1 by default. */
  readonly block?: number;
}

/** Which of `count` channels the element at a place of a tensor belongs to. */
export function channelAt(
  shape: readonly number[],
  { axis, block = 1 }: Channels,
  count: number,
): (place: number) => number {
  const inner = elementCount(shape.slice(axis + 1)) * block;
  return (place) => Math.floor(place / inner) % count;
}

/** A float tensor with each channel times its factor. */
export function scaleSlices(
  tensor: TensorData,
  { factors, ...channels }: Channels & { readonly factors: ArrayLike<number> },
): TensorData {
  const channelOf = channelAt(tensor.shape, channels, factors.length);
  const scaled = toFloat32(tensor).map((value, place) => value * factors[channelOf(place)]!);
  return fromFloat32(tensor.shape, scaled);
}

/** A float tensor with channel `order[i]` in the place of channel i. */
export function gatherSlices(
  tensor: TensorData,
  { axis, block = 1, order }: Channels & { readonly order: readonly number[] },
): TensorData {
  const values = toFloat32(tensor);
  const gathered = new Float32Array(values.length);
  const size = elementCount(tensor.shape.slice(axis + 1)) * block;
  for (let start = 0; start < values.length; start += order.length * size) {
    for (const [i, source] of order.entries()) {
      const from = start + source * size;
      gathered.set(values.subarray(from, from + size), start + i * size);
    }
  }
  return fromFloat32(tensor.shape, gathered);
}
