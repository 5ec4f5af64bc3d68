// The table that the main job ends with: both models side by side.
import { bytes, count, duration, interval, milliseconds, percent, tiny } from "../numbers.ts";
import type { ModelFigures, ObfuscateSummary } from "../obfuscate/index.ts";
import { escapeInvisible, paragraph } from "../text.ts";
import { renderTable } from "./render.ts";

/** What every file has. */
type Measured = Pick<ModelFigures, "accuracy" | "accuracyInterval" | "bytes" | "latencyMs">;

/** The table of both models, and where the shipped file is. */
export function renderSummary(summary: ObfuscateSummary): string {
  const { original, obfuscated, verify, files, seconds, peakMemoryBytes } = summary;
  const quantized = Object.entries(summary.quantized ?? {});
  const chains = [{ ...obfuscated, agreement: verify.agreement }, ...quantized.map(([, f]) => f)];
  const row = (name: string, show: (figures: ModelFigures) => string) => [
    ...[name, show(original), show(obfuscated)],
    ...quantized.map(() => ""),
  ];
  const fullRow = (name: string, show: (figures: Measured) => string) => [
    ...[name, show(original)],
    ...chains.map(show),
  ];
  const table = renderTable([
    ["", "original", "obfuscated", ...quantized.map(([name]) => name)],
    fullRow("accuracy (single view)", ({ accuracy }) => percent(accuracy)),
    ["agreement with the original", "", ...chains.map(({ agreement }) => percent(agreement))],
    fullRow("95 % interval", ({ accuracyInterval }) => interval(accuracyInterval)),
    row("parameters", ({ parameters }) => count(parameters)),
    row("MACs", ({ macs }) => count(macs)),
    row("convolutions", ({ convolutions }) => String(convolutions)),
    fullRow("file", (figures) => bytes(figures.bytes)),
    fullRow("latency, batch 1", ({ latencyMs }) => milliseconds(latencyMs.batch1)),
    fullRow("latency, batch 64", ({ latencyMs }) => milliseconds(latencyMs.batch64)),
  ]);
  const checks = renderTable([
    ...pairedRows(verify.paired),
    ["squared error of the logits, over their squares", percent(verify.logitError)],
    ["the same on images trained on", percent(verify.trainingLogitError)],
    [
      "largest logit difference, original to obfuscated",
      verify.maxAbsDiffToOriginal.toPrecision(3),
    ],
    ["largest logit difference, training to shipped file", tiny(verify.maxAbsDiff)],
    ...summary.setbacks.map(({ stage, backTo, rate }) => [
      `a loss in "${stage}" was no number`,
      `back to step ${backTo}, ${rate} of the learning rate`,
    ]),
    ["time", duration(seconds)],
    ["peak memory", bytes(peakMemoryBytes)],
  ]);
  const paths = [files.model, ...quantized.map(([, { model }]) => model)];
  const label = paths.length === 1 ? "shipped file" : "shipped files";
  const warnings = summary.warnings.map((text) => `warning: ${paragraph(text)}\n`).join("");
  return `${table}\n\n${checks}\n\n${warnings}${label}: ${paths.map(escapeInvisible).join(", ")}`;
}

/** Whether the difference between both accuracies is more than chance. */
function pairedRows(paired: ObfuscateSummary["verify"]["paired"]): string[][] {
  if (!paired) return [];
  const { onlyFirst, onlySecond, pValue } = paired;
  return [
    ["images that only the original, only the chain gets right", `${onlyFirst}, ${onlySecond}`],
    ["chance of such a difference between equals (McNemar)", percent(pValue)],
  ];
}
