// What a reader of the results should know before believing them.
import type { Dataset } from "../data/index.ts";
import { noteOnFew, notesOnFew } from "../evaluate/index.ts";
import { usualQuantile, wilsonInterval } from "../evaluate/statistics.ts";
import { countCost } from "../graph/cost.ts";
import type { DataType } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import { isFloat } from "../graph/tensorData.ts";
import { percent } from "../numbers.ts";
import { counted } from "../text.ts";
import type { ObfuscateResults, ResolvedOptions } from "./options.ts";
import type { PlannedOriginal } from "./original.ts";

const largestDrop = 0.02;
/** What a quantized file may lose against the chain. */
const largestLossInBits = 0.01;
/** Who allows so much has taken points for shares of 1. */
const largestDropAllowed = 0.2;

const inPoints = (share: number) => `${(100 * share).toFixed(2)} points`;

/** What the clock measured of an original whose file takes so many images at once and no other number. */
export function noteOnBatch(batch: number): string {
  return (
    `the original's file takes ${counted(batch, "image")} at once and no other number: its latency is that of the graph ` +
    "that was read of it, with as many images as the chain"
  );
}

/** What is to be said of the input of the shipped file; nothing where the original takes floats, too. */
export function notesOnInput(inputType: DataType): string[] {
  if (isFloat(inputType)) return [];
  return [
    `the original takes pixels from 0 to 255 as ${inputType}, the shipped file float32 from 0 to 1: divide pixels by ` +
      "255 before it",
  ];
}

/** What is to be said of an original most of whose work no chain replaces, such as one with wide linear layers. */
export function notesOnHead({
  extractor,
  classifier,
}: Pick<PlannedOriginal, "extractor" | "classifier">): string[] {
  const [hidden, kept] = [extractor, classifier].map(
    (graph) => countCost(graph, inferShapes(graph)).macs,
  ) as [number, number];
  if (kept <= hidden) return [];
  return [
    `${percent(kept / (hidden + kept), 0)} of the original's multiply-accumulates lie behind the boundary, ` +
      "in layers that are shipped as they are: a chain hides the rest alone",
  ];
}

/** What images to judge by cannot tell, before anything is trained. */
export function notesOnTest(
  test: Pick<Dataset, "count" | "labels">,
  { maxAccuracyDrop }: Pick<ResolvedOptions, "maxAccuracyDrop">,
): string[] {
  const { count, labels } = test;
  if (!labels) return [];
  const fine =
    `one of ${counted(count, "test image")} is ${inPoints(1 / count)}, and the accuracy drop allowed is ` +
    `${inPoints(maxAccuracyDrop ?? 0)}`;
  return [
    ...notesOnFew(test),
    ...(maxAccuracyDrop !== undefined && Math.abs(maxAccuracyDrop) < 1 / count ? [fine] : []),
  ];
}

/** A sentence for each thing that a reader might overlook. */
export function warningsOf(
  {
    original,
    obfuscated,
    verify,
    quantized = {},
  }: Pick<ObfuscateResults, "original" | "obfuscated" | "verify" | "quantized">,
  { maxAccuracyDrop }: Pick<ResolvedOptions, "maxAccuracyDrop">,
): string[] {
  const { samples, paired } = verify;
  const warnings: string[] = [];
  for (const [kind, { accuracy, agreement }] of Object.entries(quantized)) {
    const loss = paired ? obfuscated.accuracy - accuracy : verify.agreement - agreement;
    if (loss <= largestLossInBits) continue;
    const figure = paired ? "accuracy" : "agreement with the original";
    warnings.push(
      `The ${kind} file loses another ${inPoints(loss)} of ${figure}: ship the other one`,
    );
  }
  const [figure, interval] = paired
    ? ["accuracy", obfuscated.accuracyInterval]
    : ["agreement with the original", wilsonInterval(verify.agreement, samples)];
  warnings.push(...noteOnFew(samples, `the chain's ${figure}`, interval));
  if (!paired) return warnings;
  const drop = original.accuracy - obfuscated.accuracy;
  if (drop > largestDrop) {
    warnings.push(
      `The chain loses ${inPoints(drop)} of accuracy. More epochs or a wider chain lose less`,
    );
  }
  if (maxAccuracyDrop !== undefined && maxAccuracyDrop >= largestDropAllowed) {
    warnings.push(
      `--max-accuracy-drop ${maxAccuracyDrop} allows a loss of ${inPoints(maxAccuracyDrop)}: one point is 0.01`,
    );
  }
  const discordant = paired.onlyFirst + paired.onlySecond;
  const resolution = Math.max(1, usualQuantile * Math.sqrt(discordant)) / samples;
  if (maxAccuracyDrop !== undefined && Math.abs(maxAccuracyDrop) < resolution) {
    warnings.push(
      `${counted(samples, "test image")} can tell differences of ${inPoints(resolution)}, and the accuracy drop allowed is ` +
        `${inPoints(maxAccuracyDrop)}: whether it is kept is partly chance`,
    );
  }
  return warnings;
}
