// The simulation network: a plain chain of convolutions, each with batch norm and an activation. The
// plan is a pure function of the original's graph, the depth and a bound on the cost.
import { UsageError } from "../errors.ts";
import { estimateWork } from "../graph/cost.ts";
import type { Boundary } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import { isNeverNegative } from "../graph/nonNegative.ts";
import type { Facts } from "../graph/shapes.ts";
import type { Activation, Layer } from "../models/index.ts";
import { area, resolutions, type Size, window } from "./sizes.ts";

/** What the chain looks like. Sizes are [height, width]. */
export interface ChainPlan {
  /** Channels, height and width of the images. */
  readonly input: readonly [number, number, number];
  readonly layers: readonly Layer[];
  /** MACs of the chain at batch 1. */
  readonly macs: number;
}

export interface ChainOptions {
  /** Number of convolutions. */
  readonly depth: number;
  readonly boundary: Boundary;
  /** Most MACs that the chain may have; by default a share of the original's work, which the narrowest may exceed. */
  readonly maxMacs?: number;
}

// Measured in ONNX Runtime with a ResNet-56: the chain that this gives runs at half of the original's
// latency on two cores with AMX, and at 0.7 on two of a Zen 5 at batch 1, where 0.8 would be no faster.
const shareOfOriginal = 0.6;
/** What nobody wants of a chain, in the original's work. */
const mostWork = 100;
// Whole vectors of channels run best; smaller steps are for originals that leave no room for those.
const widthSteps = [16, 8, 4] as const;
const pointwise = { kernel: [1, 1], stride: [1, 1], padding: [0, 0] } as const;

/**
 * Plans the chain: it halves the image where the original does, its widths double where the area
 * shrinks to a quarter (He et al. 2016, section 3.3), half of it ahead of the pooling, as wide as the cost
 * allows, and it ends in the original's number of channels. Throws UsageError where the depth does not
 * fit, where no chain of that depth has as few as `maxMacs`, and where that is a hundred times the original's cost.
 */
export function planChain(
  extractor: Graph,
  facts: Facts,
  { depth, boundary, maxMacs }: ChainOptions,
): ChainPlan {
  const input = facts.get(extractor.inputs[0]?.name ?? "")?.shape.slice(1) as [
    number,
    number,
    number,
  ];
  assertDepth(depth, [input[1], input[2]]);
  const work = estimateWork(extractor, facts);
  if (maxMacs !== undefined && maxMacs > mostWork * work) {
    throw new UsageError(
      `--max-macs: expected at most ${Math.floor(mostWork * work)}, ${mostWork} times what the original costs, received ${maxMacs}`,
    );
  }
  const budget = maxMacs ?? shareOfOriginal * work;
  const sizes = assignSizes(resolutions(extractor, facts), depth);
  const channels = boundary.shape[1] as number;
  const last = isNeverNegative(extractor) ? "relu" : "none";
  const build = (width: number, step: number) => {
    const layers = layersOf({ input, sizes, channels, width, step, last });
    const macs = layerCosts(input, layers).reduce((sum, layer) => sum + layer.macs, 0);
    return { input, layers, macs };
  };
  const step = widthSteps.find((least) => build(least, least).macs <= budget) ?? widthSteps[2];
  let plan: ChainPlan = build(step, step);
  if (maxMacs !== undefined && plan.macs > maxMacs) {
    throw new UsageError(
      `--max-macs: expected at least ${plan.macs}, which the narrowest chain of depth ${depth} needs, ` +
        `received ${maxMacs}`,
    );
  }
  for (let width: number = step; ; width += 2) {
    const wider = build(width, step);
    if (wider.macs > budget || width > 4096) return plan;
    plan = wider;
  }
}

function assertDepth(depth: number, [height, width]: Size): void {
  const most = Math.max(height, width);
  const images = `images of ${height}×${width}`;
  if (most < 2) {
    throw new UsageError(
      `${images} are too small for a chain: expected 2 pixels or more along a side`,
    );
  }
  if (Number.isInteger(depth) && depth >= 2 && depth <= most) return;
  throw new UsageError(
    `--depth: expected a whole number from 2 to ${most} for ${images} (a longer chain sees no more of them), ` +
      `received ${depth}`,
  );
}

/**
 * The size of each convolution's output before pooling: every size gets one, of more than two to spare
 * the first size gets one, the last, which is cheap, the rest (docs/recipe.md, "The shape of the chain").
 * Where the last size is small, all but the first share what is to spare evenly (the same, "GoogLeNet").
 * With more sizes than convolutions the largest sizes are skipped.
 */
function assignSizes(sizes: readonly Size[], depth: number): Size[] {
  const [first, ...others] = sizes.slice(-depth) as [Size, ...Size[]];
  if (others.length > 0 && isSmall(others.at(-1) as Size)) {
    const share = (i: number) => Math.floor((depth - 1 + i) / others.length);
    return [first, ...others.flatMap((size, i) => Array<Size>(share(i)).fill(size))];
  }
  const spare = depth - others.length - 1;
  const startsNarrow = others.length > 0 && spare > 2;
  const most = Array<Size>(startsNarrow ? spare - 1 : spare).fill(others.at(-1) ?? first);
  return [...(startsNarrow ? [first] : []), first, ...others, ...most];
}

/** Whether a 3×3 kernel would read padding for a third of its work or more. */
function isSmall(size: Size): boolean {
  return area(size) <= 4 * 4;
}

/** Whether every size but the first is that of two convolutions or more. */
function standsTwice(sizes: readonly Size[]): boolean {
  const areas = sizes.map(area);
  return areas.slice(1).every((value) => areas.filter((other) => other === value).length > 1);
}

/** Whether 2×2 max pooling leads from one size to the next. */
function isPooled(size: Size, next: Size | undefined): next is Size {
  return next !== undefined && size[0] === 2 * next[0] && size[1] === 2 * next[1];
}

/** The size of each layer's output behind its pooling. */
function sizesBehind(sizes: readonly Size[]): Size[] {
  return sizes.map((size, i) => {
    const next = sizes[i + 1];
    return isPooled(size, next) ? next : size;
  });
}

/**
 * Every layer leads from one size to the next. Its width grows with the root of the area's shrinkage, in the
 * mean of the map that it reads and the one that it gives, pooling included; `width` is that of a map of the
 * first size, and all but the last are multiples of `step`. The image, of few channels, counts as a size
 * before the first. The last kernel is 1×1 where its size is small and every size but the first stands twice.
 */
function layersOf(options: {
  input: readonly [number, number, number];
  sizes: readonly Size[];
  channels: number;
  width: number;
  step: number;
  last: Activation;
}): Layer[] {
  const { input, sizes, channels, width, step, last } = options;
  const first = area(sizes[0] as Size);
  const behind = sizesBehind(sizes);
  const endsPointwise = isSmall(sizes.at(-1) as Size) && standsTwice(sizes);
  return sizes.map((size, i) => {
    const before = behind[i - 1] ?? ([input[1], input[2]] as const);
    const read = i === 0 ? 4 * first : area(before);
    const growth = Math.sqrt(first / Math.sqrt(read * area(behind[i]!)));
    const rounded = Math.max(step, Math.round((width * growth) / step) * step);
    const next = sizes[i + 1];
    const isLast = next === undefined;
    return {
      outputs: isLast ? channels : rounded,
      ...(isLast && endsPointwise ? pointwise : window(before, size)),
      pool: isPooled(size, next),
      activation: isLast ? last : "relu",
    };
  });
}

/** The size behind each layer, its pooling included, and its MACs at batch 1. */
export function layerCosts(
  input: readonly [number, number, number],
  layers: readonly Layer[],
): { readonly size: Size; readonly macs: number }[] {
  let [channels, height, width] = input;
  return layers.map(({ outputs, kernel, stride, padding, pool }) => {
    height = Math.floor((height + 2 * padding[0] - kernel[0]) / stride[0]) + 1;
    width = Math.floor((width + 2 * padding[1] - kernel[1]) / stride[1]) + 1;
    const macs = height * width * channels * outputs * kernel[0] * kernel[1];
    channels = outputs;
    if (pool) [height, width] = [height / 2, width / 2];
    return { size: [height, width], macs };
  });
}
