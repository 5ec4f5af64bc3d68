// Quality gates: what the shipped file must reach for the job to succeed.
import { percent } from "../numbers.ts";
import type { ObfuscateResults, ResolvedOptions } from "./options.ts";

/** A line for each gate of the options that the results miss. */
export function missedGates(
  { original, obfuscated }: ObfuscateResults,
  { minAccuracy, maxAccuracyDrop, maxLatencyRatio }: ResolvedOptions,
): string[] {
  const missed: string[] = [];
  if (minAccuracy !== undefined && obfuscated.accuracy < minAccuracy) {
    missed.push(`--min-accuracy: ${percent(obfuscated.accuracy)} is below ${percent(minAccuracy)}`);
  }
  const drop = original.accuracy - obfuscated.accuracy;
  if (maxAccuracyDrop !== undefined && drop > maxAccuracyDrop) {
    missed.push(`--max-accuracy-drop: ${percent(drop)} is more than ${percent(maxAccuracyDrop)}`);
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
