// How a pirate fine-tunes: what becomes of the classifier, and which layers learn. These are the four ways of NTLBench
// (arXiv 2502.13593, github.com/tmllab/NTLBench), `initFC` for a last layer drawn anew, `direct` for the one that is
// there, and between them the last half of the layers, as SOPHON does it (arXiv 2404.12699). `redrawn-half` is for a
// file whose last layers were made a bad start: he draws these anew, too.
import { findCutPoints } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import { compose, cutGraph } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { upstream } from "../graph/topology.ts";
import type { TransferMethod } from "./names.ts";
import { withRandomWeights } from "./scratch.ts";

/** What of the network learns. */
export type Learning = "head" | "half" | "all";

/** How a pirate fine-tunes by a method. */
export interface FineTuning {
  /** Whether the last layer starts from the rows that the file has for its own classes. */
  readonly keepsHead: boolean;
  readonly learns: Learning;
  /** Whether the last half of the convolutions is drawn anew. */
  readonly redrawsHalf?: true;
}

export const transferMethods: Readonly<Record<TransferMethod, FineTuning>> = {
  "initFC-all": { keepsHead: false, learns: "all" },
  "redrawn-half": { keepsHead: false, learns: "all", redrawsHalf: true },
  "initFC-half": { keepsHead: false, learns: "half" },
  "initFC-FC": { keepsHead: false, learns: "head" },
  "direct-all": { keepsHead: true, learns: "all" },
  "direct-FC": { keepsHead: true, learns: "head" },
};

/** What an attack by a method starts from: the body [images to features] with what the method draws anew. */
export function startOf(body: Graph, { redrawsHalf }: FineTuning, seed: number): Graph {
  const kept = redrawsHalf && frozenPart(body, "half");
  if (kept === undefined) return body;
  const { extractor, classifier } = cutGraph(body, kept);
  return compose(extractor, withRandomWeights(classifier, seed));
}

/**
 * The tensor behind which a body [images to features] learns; undefined where all of it does. "half" ends nearest to
 * half of the convolutions at a map that all paths go through.
 */
export function frozenPart(body: Graph, learns: Learning): string | undefined {
  if (learns === "all") return undefined;
  if (learns === "head") return body.outputs[0]!.name;
  const count = (tensor: string) =>
    [...upstream(body, [tensor]).nodes].filter(({ operator }) => operator === "Conv").length;
  const facts = inferShapes(body);
  const features = body.outputs[0]!.name;
  const half = count(features) / 2;
  const distance = (tensor: string) => Math.abs(count(tensor) - half);
  const maps = findCutPoints(body, facts, features).filter(
    (tensor) => count(tensor) < count(features),
  );
  // Of tensors behind the same convolutions the last, behind their batch norm and activation.
  return maps.reduce<string | undefined>(
    (best, tensor) => (best !== undefined && distance(best) < distance(tensor) ? best : tensor),
    undefined,
  );
}
