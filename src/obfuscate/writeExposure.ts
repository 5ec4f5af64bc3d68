// What the shipped file tells of the original, kept in the run's folder for its report.
import { join } from "node:path";
import type { Dataset, Normalization } from "../data/index.ts";
import { compareFiles } from "../exposure/expose.ts";
import { writeFileAtomically } from "../files.ts";
import { adoptModel } from "../graph/adopt.ts";
import type { GraphFile } from "../graph/graph.ts";
import { type Layout, sizesIn } from "../graph/layout.ts";

interface Exposed extends GraphFile, Normalization {
  /** How both files take their images. */
  readonly layout: Layout;
  readonly shipped: GraphFile;
  readonly data: Dataset;
}

/** Compares what is shipped with the original and writes exposure.json. */
export async function writeExposure(
  { path, graph, layout, shipped, data, mean, std }: Exposed,
  directory: string,
): Promise<void> {
  const model = adoptModel(shipped.graph, { shape: data.shape, name: "the shipped file" });
  const exposure = await compareFiles({
    model: shipped.path,
    against: path,
    inputShape: [1, ...sizesIn(layout, data.shape)],
    images: { mean, std, dataset: data, graphs: { model, original: graph } },
  });
  await writeFileAtomically(join(directory, "exposure.json"), JSON.stringify(exposure));
}
