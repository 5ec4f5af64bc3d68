// The stolen file and the original as the pirate takes them apart: features with batch norm put back, and the layer that
// was behind them. The same is done to both, exactly as far as each needs it.
import { Batches, type Dataset, sampleOf } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import { bareConvolutions, withBatchNorm } from "./batchNorm.ts";
import { type Beheaded, behead } from "./head.ts";
import type { ShowingOptions } from "./judge.ts";
import { measureMoments, mostImages } from "./moments.ts";
import { mergeTwins } from "./twins.ts";

/**
 * A classifier without twins, with batch norm behind every convolution over a map, its statistics those of these images,
 * and channels at unit scale. What it computes stays the same up to rounding.
 */
export async function dismantle(
  graph: Graph,
  images: Dataset,
  { device, mean, std, seed, onProgress }: ShowingOptions & { readonly seed: number },
): Promise<Beheaded> {
  const sample = sampleOf(images, mostImages);
  using batches = new Batches(sample, {
    mean,
    std,
    seed,
    device,
    batch: Math.min(sample.count, 128),
  });
  const merged = mergeTwins(graph);
  const moments = await measureMoments(merged, bareConvolutions(merged), {
    batches,
    device,
    onBatch: onProgress,
  });
  return behead(withBatchNorm(merged, moments));
}
