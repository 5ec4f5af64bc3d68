// The plan of the chain as text, so that a long training is not begun on the wrong one.

import type { Judgement } from "../evaluate/index.ts";
import { largest } from "../lists.ts";
import { bytes, clock, duration, interval, percent } from "../numbers.ts";
import type { Forecast } from "../obfuscate/index.ts";
import { type ChainPlan, layerCosts } from "../obfuscate/plan.ts";
import type { Description } from "../obfuscate/prepare.ts";
import { counted } from "../text.ts";
import { dataLine, renderList, renderTable } from "./render.ts";

/** What the main job has decided before it trains. */
export function renderDescription(description: Description): string {
  const { data, choice, nodes, boundary, plan, extractorMacs, timeShare, judgement } = description;
  const map = boundary.shape.slice(1).join(", ");
  const lines = [
    dataLine(data),
    ...(choice ? [choice] : []),
    ...(judgement ? [judgementLine(judgement)] : []),
    `boundary: "${boundary.tensor}" [${map}] of ${counted(nodes, "node")}`,
    drawChain(plan),
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

/** The plan, and what a run by it would take. */
export function renderForecast(forecast: Forecast): string {
  const { description, epochs, secondsPerEpoch, seconds } = forecast;
  const { peakMemoryBytes, diskBytes, freeDiskBytes } = forecast;
  const end = clock(new Date(Date.now() + 1000 * seconds));
  const list = renderList([
    [
      "training",
      `${duration(seconds)} (${epochs} epochs of ${duration(secondsPerEpoch)}); begun now it ends at ${end}`,
    ],
    ["memory", `${bytes(peakMemoryBytes)} so far, most of what it will take`],
    ["disk", `up to ${bytes(diskBytes)}; ${bytes(freeDiskBytes)} are free`],
  ]);
  return `${renderDescription(description)}\n${list}`;
}

/**
 * The chain as a picture in characters: a bar for each map, as long as the map is wide, and the darker the more
 * channels it has.
 */
export function drawChain({ input, layers }: ChainPlan): string {
  const costs = layerCosts(input, layers);
  const maps = [
    { name: "image", channels: input[0], size: [input[1], input[2]] as const },
    ...layers.map(({ outputs, kernel, pool }, i) => ({
      name: `${kernel.join("×")}${pool ? ", pool" : ""}`,
      channels: outputs,
      size: costs[i]!.size,
    })),
  ];
  const widest = largest(maps.map(({ size }) => size[1]));
  const deepest = largest(maps.map(({ channels }) => channels));
  const scale = Math.min(1, longestBar / widest);
  const names = largest(maps.map(({ name }) => name.length));
  const lines = maps.map(({ name, channels, size }) => {
    const length = Math.max(1, Math.round(size[1] * scale));
    const shade =
      shades[Math.min(shades.length - 1, Math.floor((shades.length * channels) / deepest))]!;
    const bar = shade.repeat(length);
    const before = Math.floor((Math.round(widest * scale) - length) / 2);
    const line = `${name.padEnd(names)}  ${" ".repeat(before)}${bar}`;
    return `${line.padEnd(names + 4 + Math.round(widest * scale))}${[channels, ...size].join("×")}`;
  });
  return lines.join("\n");
}

const shades = ["░", "▒", "▓", "█"] as const;
const longestBar = 40;

function judgementLine({ samples, accuracy, interval: bounds, confidence }: Judgement): string {
  return (
    `the original is right on ${percent(accuracy)} of ${samples} images to judge by (95 % interval ` +
    `${interval(bounds)}), and ${percent(confidence)} sure of its answers`
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
