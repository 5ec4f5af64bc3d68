// The table that the main job ends with: both models side by side.
import type { ModelFigures, ObfuscateSummary } from "../obfuscate/index.ts";
import { bytes, count, duration, milliseconds, percent, renderTable, tiny } from "./render.ts";

/** The table of both models, and where the shipped file is. */
export function renderSummary(summary: ObfuscateSummary): string {
  const { original, obfuscated, verify, files, seconds, peakMemoryBytes } = summary;
  const row = (name: string, show: (figures: ModelFigures) => string) => [
    name,
    show(original),
    show(obfuscated),
  ];
  const table = renderTable([
    ["", "original", "obfuscated"],
    row("accuracy (single view)", ({ accuracy }) => percent(accuracy)),
    row("parameters", ({ parameters }) => count(parameters)),
    row("MACs", ({ macs }) => count(macs)),
    row("convolutions", ({ convolutions }) => String(convolutions)),
    row("file", (figures) => bytes(figures.bytes)),
    row("latency, batch 1", ({ latencyMs }) => milliseconds(latencyMs.batch1)),
    row("latency, batch 64", ({ latencyMs }) => milliseconds(latencyMs.batch64)),
  ]);
  const checks = renderTable([
    ["agreement with the original", percent(verify.agreement)],
    ["squared error of the logits, over their squares", percent(verify.logitError)],
    ["the same on images trained on", percent(verify.trainingLogitError)],
    [
      "largest logit difference, original to obfuscated",
      verify.maxAbsDiffToOriginal.toPrecision(3),
    ],
    ["largest logit difference, training to shipped file", tiny(verify.maxAbsDiff)],
    ["time", duration(seconds)],
    ["peak memory", bytes(peakMemoryBytes)],
  ]);
  return `${table}\n\n${checks}\n\nshipped file: ${files.model}`;
}
