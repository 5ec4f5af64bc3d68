// The plan of the chain as text, so that a long training is not begun on the wrong one.

import type { Judgement } from "../evaluate/index.ts";
import { type ChainPlan, layerCosts } from "../obfuscate/plan.ts";
import type { Description } from "../obfuscate/prepare.ts";
import { counted } from "../text.ts";
import { dataLine, percent, renderTable } from "./render.ts";

/** What the main job has decided before it trains. */
export function renderDescription(description: Description): string {
  const { data, choice, nodes, boundary, plan, extractorMacs, timeShare, judgement } = description;
  const map = boundary.shape.slice(1).join(", ");
  const lines = [
    dataLine(data),
    ...(choice ? [choice] : []),
    ...(judgement ? [judgementLine(judgement)] : []),
    `boundary: "${boundary.tensor}" [${map}] of ${counted(nodes, "node")}`,
    renderPlan(plan, extractorMacs),
    renderTime(timeShare),
  ];
  return lines.join("\n");
}

/** How long the chain is estimated to take, and what to do where it would not be faster. */
export function renderTime(timeShare: number): string {
  const share = `estimated time: ${Math.round(100 * timeShare)} % of the original extractor's`;
  if (timeShare <= 1) return share;
  return (
    `warning: ${share}; the chain may not be faster. Give a smaller --depth, a --boundary nearer to the ` +
    "input, or --max-macs for another width; go on where hiding the architecture is enough"
  );
}

function judgementLine({ samples, accuracy, interval, confidence }: Judgement): string {
  const [least, greatest] = interval.map((share) => (100 * share).toFixed(1));
  return (
    `the original is right on ${percent(accuracy)} of ${samples} test images (95 % interval ${least} to ` +
    `${greatest} %), and ${percent(confidence)} sure of its answers`
  );
}

/**
 * A table with a row for each convolution: its window, what it gives at batch 1 and what that costs. Below it
 * the cost of all, beside that of the original's extractor.
 */
export function renderPlan(plan: ChainPlan, extractorMacs: number): string {
  const costs = layerCosts(plan.input, plan.layers);
  const rows = plan.layers.map(({ outputs, kernel, stride, pool }, i) => [
    String(i + 1),
    kernel.join("×"),
    stride.join("×"),
    pool ? "2×2" : "-",
    [outputs, ...costs[i]!.size].join("×"),
    millions(costs[i]!.macs),
  ]);
  const header = ["conv", "kernel", "stride", "pool", "output", "MACs"];
  const share = Math.round((100 * plan.macs) / extractorMacs);
  return (
    `${renderTable([header, ...rows], { align: "right" })}\n` +
    `in all ${millions(plan.macs)} MACs, ${share} % of the ${millions(extractorMacs)} of the original's extractor`
  );
}

function millions(macs: number): string {
  return `${(macs / 1e6).toFixed(2)} M`;
}
