// Mean and variance of the channels of feature maps over a set of images.
import type { Batches } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { type Device, inferenceMode, operator, scope, type Tensor } from "../torch/index.ts";
import type { Moments } from "./batchNorm.ts";

/** Images that statistics of batch norm are measured by, at most. */
export const mostImages = 2000;

const varianceAndMean = operator<[Tensor, Tensor]>("aten::var_mean.dim");

/**
 * The moments of maps [N, C, H, W] over all images, batch by batch: batches are joined as Chan, Golub and LeVeque do
 * (1983, "Algorithms for computing the sample variance"), which loses no digits where means are large. In float64, which
 * holds the squares of whatever float32 does. `onBatch` is called after each batch; what it throws ends the measuring.
 */
export async function measureMoments(
  graph: Graph,
  tensors: readonly string[],
  {
    batches,
    device,
    onBatch,
  }: { readonly batches: Batches; readonly device: Device; readonly onBatch: () => void },
): Promise<Map<string, Moments>> {
  using network = new Network(graph, { device });
  const moments = new Map<string, Moments>();
  if (tensors.length === 0) return moments;
  let seen = 0;
  for await (const { images, size } of batches.epoch(0)) {
    const share = size / (seen + size);
    scope(() =>
      inferenceMode(() => {
        const maps = network.activations(images, tensors);
        for (const name of tensors) {
          moments.set(name, join(moments.get(name), momentsOf(maps[name]!), share));
        }
      }),
    );
    seen += size;
    await new Promise(setImmediate); // lets signals in
    onBatch();
  }
  return moments;
}

/** The moments of one map, whose copy in float64 ends with them. */
function momentsOf(map: Tensor): Moments {
  return scope(() => {
    const wide = map.to({ dtype: "float64" });
    const [variance, mean] = varianceAndMean(wide, [0, 2, 3], false, false);
    return {
      mean: Float64Array.from(mean.numbers()),
      variance: Float64Array.from(variance.numbers()),
    };
  });
}

/** The moments of two sets of images, the second of which is this share of both. */
function join(first: Moments | undefined, second: Moments, share: number): Moments {
  if (!first) return second;
  const between = (a: number, b: number) => a + share * (b - a);
  return {
    mean: first.mean.map((mean, c) => between(mean, second.mean[c]!)),
    variance: first.variance.map(
      (variance, c) =>
        between(variance, second.variance[c]!) +
        share * (1 - share) * (second.mean[c]! - first.mean[c]!) ** 2,
    ),
  };
}
