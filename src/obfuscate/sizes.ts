// The sizes of the chain's maps: which ones it takes over from the original, and the convolution that leads from one
// to the next.
import type { Graph } from "../graph/graph.ts";
import type { Facts } from "../graph/shapes.ts";
import type { Layer } from "../models/index.ts";

export type Size = readonly [height: number, width: number];

/**
 * The sizes of feature maps on the way from the image to the boundary, from large to small: the original's where single
 * convolutions lead from each to the next, else, as with an original that resizes or pads its images, the image's
 * halvings, behind the image's own size where the original has so large a map.
 */
export function resolutions(extractor: Graph, facts: Facts): Size[] {
  const image = sizeOf(facts, extractor.inputs[0]?.name)!;
  const end = sizeOf(facts, extractor.outputs[0]?.name)!;
  const maps = convolvedSizes(extractor, facts).filter((size) => area(size) >= area(end));
  const own = halvedSizes(maps, image);
  const areSteps = own.every((size, i) => isOneStep(own[i - 1] ?? image, size));
  const sizes = areSteps ? own : halvings(image, end);
  const isSpare = (size: Size) => area(size) <= 1.5 * area(end) || !isOneStep(size, end);
  while (sizes.length > 0 && isSpare(sizes.at(-1)!)) sizes.pop();
  const isWhole = maps.some((size) => size[0] >= image[0] && size[1] >= image[1]);
  if (!areSteps && isWhole && sizes.length > 0) sizes.unshift(image);
  return [...sizes, end];
}

/** The sizes of what convolutions give on the way to the boundary. */
function convolvedSizes(extractor: Graph, facts: Facts): Size[] {
  const maps = mapsTowards(extractor.outputs[0]!.name, { extractor, facts });
  return extractor.nodes.flatMap(({ operator, outputs }) => {
    const size =
      operator === "Conv" && maps.has(outputs[0]!) ? sizeOf(facts, outputs[0]) : undefined;
    return size ? [size] : [];
  });
}

/**
 * Of the original's sizes those that are no larger than the image, each half of the one before: what convolutions without
 * padding take off in between is left to the next step.
 */
function halvedSizes(maps: readonly Size[], image: Size): Size[] {
  const sizes: Size[] = [];
  for (const size of maps) {
    const last = sizes.at(-1);
    const isNext = last ? isHalved(last, size) : size[0] <= image[0] && size[1] <= image[1];
    if (isNext) sizes.push(size);
  }
  return sizes;
}

/** An image halved again and again, along each axis no further than to the end's length; without the end. */
function halvings(image: Size, end: Size): Size[] {
  const half = (axis: 0 | 1) => Math.max(Math.ceil(image[axis] / 2), end[axis]);
  const size = [half(0), half(1)] as const;
  return area(size) === area(end) ? [] : [size, ...halvings(size, end)];
}

/** Whether a convolution of a usual kernel leads from one size to another: of up to 9 pixels at stride 1, 12 at 2. */
function isOneStep(from: Size, to: Size): boolean {
  const { kernel, stride } = window(from, to);
  return kernel.every((length, axis) => length <= 3 * (stride[axis]! + 2));
}

/**
 * The tensors that a map is made of, without those that are spread over larger ones along a side of one: the gates of
 * squeeze and excite and of coordinate attention stand beside the way.
 */
function mapsTowards(
  boundary: string,
  { extractor, facts }: { extractor: Graph; facts: Facts },
): Set<string> {
  const isSpread = (from: Size, to: Size) =>
    (from[0] === 1 && to[0] > 1) || (from[1] === 1 && to[1] > 1);
  const maps = new Set([boundary]);
  for (const { inputs, outputs } of extractor.nodes.toReversed()) {
    const output = outputs.find((name) => maps.has(name));
    if (output === undefined) continue;
    const size = sizeOf(facts, output);
    for (const input of inputs) {
      const from = sizeOf(facts, input);
      if (!from || !size || !isSpread(from, size)) maps.add(input);
    }
  }
  return maps;
}

/** The last two of a tensor's axes, which are those of a map; none where there are fewer than four. */
function sizeOf(facts: Facts, tensor = ""): Size | undefined {
  const shape = facts.get(tensor)?.shape ?? [];
  return shape.length < 4 ? undefined : [shape.at(-2)!, shape.at(-1)!];
}

/** Whether a map has half of another's height or width, or less, and is no larger along the other axis. */
function isHalved(from: Size, to: Size): boolean {
  const halves = (axis: 0 | 1) => from[axis] > 1 && to[axis] <= Math.ceil(from[axis] / 2);
  return to[0] <= from[0] && to[1] <= from[1] && (halves(0) || halves(1));
}

/**
 * Kernel, stride and padding of a convolution that leads exactly from one size to another. No window lies mostly in
 * padding, unless the map grows by more than a pixel; along a side of one there is none.
 */
export function window(from: Size, to: Size): Pick<Layer, "kernel" | "stride" | "padding"> {
  const axis = (before: number, after: number) => {
    if (before === 1 && after === 1) return { stride: 1, kernel: 1, padding: 0 };
    // Steps larger than the latter would lead past the last column, where there is padding alone.
    const strides = [Math.round(before / after), Math.floor(before / (after - 1))];
    const stride = Math.max(1, Math.min(...strides));
    const reach = before - (after - 1) * stride;
    const least = Math.max(3, stride + 1, reach);
    // A stride may leave out a last column; without one, the kernel alone makes the size fit.
    const isExact = stride === 1 || reach === 0;
    const kernel = isExact ? least + ((least - reach) % 2) : least | 1;
    return { stride, kernel, padding: Math.ceil(((after - 1) * stride + kernel - before) / 2) };
  };
  const [y, x] = [axis(from[0], to[0]), axis(from[1], to[1])];
  return {
    kernel: [y.kernel, x.kernel],
    stride: [y.stride, x.stride],
    padding: [y.padding, x.padding],
  };
}

/** Number of pixels. */
export function area([height, width]: Size): number {
  return height * width;
}
