// The sizes of the chain's maps: which ones it takes over from the original, and the convolution that leads from one
// to the next.
import type { Graph } from "../graph/graph.ts";
import type { Facts } from "../graph/shapes.ts";
import type { Layer } from "../models/index.ts";

export type Size = readonly [height: number, width: number];

/**
 * The sizes of feature maps on the way to the boundary, from large to small, each half of the one before: what
 * convolutions without padding take off in between is left to the next step. Pooled ones beside the way, as squeeze
 * and excite has them, do not count.
 */
export function resolutions(extractor: Graph, facts: Facts): Size[] {
  const end = facts.get(extractor.outputs[0]?.name ?? "")?.shape.slice(2) as unknown as Size;
  const sizes: Size[] = [];
  for (const node of extractor.nodes) {
    const shape = facts.get(node.outputs[0] ?? "")?.shape;
    if (node.operator !== "Conv" || shape?.length !== 4) continue;
    const size: Size = [shape[2] as number, shape[3] as number];
    const last = sizes.at(-1);
    if (area(size) >= area(end) && (!last || isHalved(last, size))) sizes.push(size);
  }
  while (sizes.length > 0 && area(sizes.at(-1) as Size) <= 1.5 * area(end)) sizes.pop();
  return [...sizes, end];
}

/** Whether a map has half of another's height or width, or less, and is no larger along the other axis. */
function isHalved(from: Size, to: Size): boolean {
  const halves = (axis: 0 | 1) => from[axis] > 1 && to[axis] <= Math.ceil(from[axis] / 2);
  return to[0] <= from[0] && to[1] <= from[1] && (halves(0) || halves(1));
}

/**
 * Kernel, stride and padding of a convolution that leads exactly from one size to another. No window lies mostly in
 * padding, unless the map grows by more than a pixel.
 */
export function window(from: Size, to: Size): Pick<Layer, "kernel" | "stride" | "padding"> {
  const axis = (before: number, after: number) => {
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
