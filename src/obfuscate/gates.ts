// Quality gates: what the shipped file must reach for the job to succeed.
import { percent } from "../numbers.ts";
import type { ObfuscateResults, ResolvedOptions } from "./options.ts";

/** Far less than one image: 0.93 less 0.925 is more than 0.005 in the computer. */
const rounding = 1e-9;

/** A line for each gate of the options that the results miss. Those of accuracy are for every file that is shipped. */
export function missedGates(
  {
    original,
    obfuscated,
    quantized = {},
  }: Pick<ObfuscateResults, "original" | "obfuscated" | "quantized">,
  {
    minAccuracy,
    maxAccuracyDrop,
    maxLatencyRatio,
    quantize = [],
  }: Pick<ResolvedOptions, "minAccuracy" | "maxAccuracyDrop" | "maxLatencyRatio" | "quantize">,
): string[] {
  const missed: string[] = [];
  const isAccuracyAsked = minAccuracy !== undefined || maxAccuracyDrop !== undefined;
  for (const kind of isAccuracyAsked ? quantize : []) {
    if (!quantized[kind]) missed.push(`--quantize ${kind}: there is no such file to keep them`);
  }
  for (const [kind, { accuracy }] of Object.entries({ float: obfuscated, ...quantized })) {
    const file = kind === "float" ? "" : ` of the ${kind} file`;
    if (minAccuracy !== undefined && accuracy < minAccuracy - rounding) {
      missed.push(`--min-accuracy: ${percent(accuracy)}${file} is below ${percent(minAccuracy)}`);
    }
    const drop = original.accuracy - accuracy;
    if (maxAccuracyDrop !== undefined && drop > maxAccuracyDrop + rounding) {
      missed.push(
        `--max-accuracy-drop: ${percent(drop)}${file} is more than ${percent(maxAccuracyDrop)}`,
      );
    }
  }
  for (const batch of ["batch1", "batch64"] as const) {
    const ratio = obfuscated.latencyMs[batch] / original.latencyMs[batch];
    if (maxLatencyRatio !== undefined && ratio > maxLatencyRatio) {
      missed.push(
        `--max-latency-ratio: ${ratio.toFixed(3)} at ${batch} is more than ${maxLatencyRatio}`,
      );
    }
  }
  return missed;
}
