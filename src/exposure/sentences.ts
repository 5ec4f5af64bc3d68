// What the figures of an exposure say, a sentence each.

import { percent } from "../numbers.ts";
import { counted, shorten } from "../text.ts";
import type { Alignment } from "./cka.ts";
import type { StructureComparison } from "./structure.ts";
import type { WeightComparison } from "./weights.ts";

export interface Sentences {
  readonly layerEditDistance: string;
  readonly graphSimilarity: string;
  readonly sharedNames: string;
  readonly sharedMetadata: string;
  readonly sharedWeights: string;
  readonly sharedWeightsUpToScale: string;
  /** Absent without images. */
  readonly cka?: string;
}

export interface Findings {
  readonly structure: StructureComparison;
  readonly names: { readonly inner: readonly string[]; readonly outer: readonly string[] };
  readonly texts: readonly string[];
  readonly weights: WeightComparison;
  readonly cka: Alignment | null;
}

const mostShown = 3;

/** A sentence for each figure. */
export function describe({ structure, names, texts, weights, cka }: Findings): Sentences {
  const { layerEditDistance, graphSimilarity, layers } = structure;
  const { weights: count, shared, sharedUpToScale } = weights;
  const onlyScaled = sharedUpToScale - shared;
  return {
    layerEditDistance:
      layerEditDistance === 0
        ? `The sequence of ${counted(layers[0], "layer")} is the original's.`
        : `${percent(layerEditDistance, 0)} of the layers would have to be changed to get from the file's ` +
          `${layers[0]} to the original's ${layers[1]}.`,
    graphSimilarity:
      graphSimilarity > 1 - 1e-9
        ? "Every layer stands in a neighbourhood that the original has as often: the graphs look the same."
        : `Layers and their neighbourhoods are alike by ${graphSimilarity.toFixed(2)}, where 1 is the original's graph.`,
    sharedNames:
      names.inner.length > 0
        ? `${counted(names.inner.length, "inner name is", "inner names are")} the original's: ${list(names.inner)}.`
        : names.outer.length > 0
          ? `No name is the original's but those that callers use: ${list(names.outer)}.`
          : "No name is the original's.",
    sharedMetadata:
      texts.length > 0
        ? `${counted(texts.length, "remark")} on where the file comes from ` +
          `${texts.length === 1 ? "is" : "are"} the original's: ${list(texts)}.`
        : "No remark on where the file comes from is the original's.",
    sharedWeights:
      `${shared} of ` +
      `${counted(count, "weight is the original's as it is", "weights are the original's as they are")}.`,
    sharedWeightsUpToScale:
      onlyScaled > 0
        ? `${counted(onlyScaled, "more is", "more are")} the original's with channels in another order, or of another ` +
          "scale or sign."
        : "No other weight is the original's with channels in another order, or of another scale or sign.",
    ...(cka && { cka: describeAlignment(cka) }),
  };
}

function describeAlignment({ model, original, values, images }: Alignment): string {
  if (model.length === 0 || original.length === 0) return "One of the files has no layer to align.";
  const isUnknown = (value: number) => Number.isNaN(value);
  // What is not finite has nothing in common with anything.
  const known = values.map((row) => row.map((value) => (isUnknown(value) ? 0 : value)));
  const own = values.filter((row) => row.every(isUnknown)).length;
  const others = original.filter((_, column) => values.every((row) => isUnknown(row[column]!)));
  const unknown =
    own + others.length > 0
      ? `; ${own} of the file's layers and ${others.length} of the original's cannot be compared: features are not finite`
      : "";
  const best = known.map((row) => row.reduce((a, b) => Math.max(a, b)));
  const copies = best.filter((value) => value > 1 - 1e-3).length;
  const [top] = [...best.keys()].sort((a, b) => best[b]! - best[a]!);
  const twin = known[top!]!.indexOf(best[top!]!);
  return (
    `On ${counted(images, "image")} ${copies} of ${counted(model.length, "layer sees", "layers see")} exactly what a ` +
    "layer of the original sees; " +
    `most alike are "${shorten(model[top!]!)}" and the original's "${shorten(original[twin]!)}" (${best[top!]!.toFixed(3)})${unknown}.`
  );
}

function list(texts: readonly string[]): string {
  const shown = texts.slice(0, mostShown).map((text) => JSON.stringify(shorten(text)));
  return texts.length > mostShown ? `${shown.join(", ")}, ...` : shown.join(", ");
}
