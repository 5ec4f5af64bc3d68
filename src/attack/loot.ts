// The stolen file and the original as the pirate takes them apart: features with batch norm put back, and the layer that
// was behind them. The same is done to both, exactly as far as each needs it.
import { Batches, type Dataset, sampleOf } from "../data/index.ts";
import { countMapValues } from "../graph/footprint.ts";
import type { Graph } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import { bareConvolutions, withBatchNorm } from "./batchNorm.ts";
import { type Beheaded, behead } from "./head.ts";
import type { ShowingOptions } from "./judge.ts";
import { measureMoments, mostImages } from "./moments.ts";

/** Images that moments are measured by at a time, and numbers in all their maps: at most 256 MiB. */
const [usualBatch, mostValues] = [128, 2 ** 26];

/**
 * A classifier with batch norm behind every convolution over a map, its statistics those of these images, and channels
 * at unit scale. What it computes stays the same up to rounding. At most `batchSize` images are shown at a time, fewer
 * where their maps are large.
 */
export async function dismantle(
  graph: Graph,
  images: Dataset,
  {
    device,
    mean,
    std,
    seed,
    onProgress,
    batchSize = usualBatch,
  }: ShowingOptions & { readonly seed: number; readonly batchSize?: number | undefined },
): Promise<Beheaded> {
  const sample = sampleOf(images, mostImages);
  const { kept } = countMapValues(graph, inferShapes(graph));
  const fitting = Math.max(1, Math.floor(mostValues / kept));
  const batch = Math.min(sample.count, batchSize, usualBatch, fitting);
  using batches = new Batches(sample, { mean, std, seed, device, batch });
  const moments = await measureMoments(graph, bareConvolutions(graph), {
    batches,
    device,
    onBatch: onProgress,
  });
  return behead(withBatchNorm(graph, moments));
}
