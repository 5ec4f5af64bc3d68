// Diagrams side by side as one SVG image, for light and for dark backgrounds alike.
import type { Box } from "../../src/graph/diagram.ts";
import { layOut, type Place } from "./layout.ts";

/** A diagram with what stands above it. */
export interface Panel {
  readonly title: string;
  readonly subtitle: string;
  readonly boxes: readonly Box[];
}

const box = { width: 190, height: 26 };
const side = { width: 96, gap: 26 };
/** How far apart lines meet a box's side: what leaves it below the middle, what enters above. */
const apart = 5;
const panel = { width: 400, left: 24, top: 84, step: 38 };

/** The image; its text names what it shows for those who cannot see it. */
export function drawPanels(panels: readonly Panel[], description: string): string {
  const rows = Math.max(...panels.flatMap(({ boxes }) => layOut(boxes).map(({ row }) => row))) + 1;
  const [width, height] = [panels.length * panel.width, panel.top + rows * panel.step + 56];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${description}</title>
<style>
${style}
</style>
<rect class="paper" width="${width}" height="${height}" rx="10"/>
${panels.map((panel, i) => drawPanel(panel, i)).join("\n")}
${drawLegend(height)}
</svg>
`;
}

function drawPanel({ title, subtitle, boxes }: Panel, index: number): string {
  const places = layOut(boxes);
  const arrows = boxes.flatMap(({ from }, to) =>
    from.map((source) => drawArrow(places[source]!, places[to]!)),
  );
  const drawn = boxes.map((each, i) => drawBox(each, places[i]!));
  return `<g transform="translate(${index * panel.width} 0)">
<text class="title" x="${panel.left}" y="34">${title}</text>
<text class="subtitle" x="${panel.left}" y="56">${subtitle}</text>
${[...arrows, ...drawn].join("\n")}
</g>`;
}

function left({ column }: Place): number {
  const beside = panel.left + box.width + side.gap;
  return column === 0 ? panel.left : beside + (column - 1) * (side.width + side.gap);
}

function top({ row }: Place): number {
  return panel.top + row * panel.step;
}

function widthOf({ column }: Place): number {
  return column === 0 ? box.width : side.width;
}

function leaving(place: Place): number {
  return top(place) + box.height / 2 + apart;
}

function entering(place: Place): number {
  return top(place) + box.height / 2 - apart;
}

function drawBox({ label, kind, inClassifier }: Box, place: Place): string {
  const [x, y, width] = [left(place), top(place), widthOf(place)];
  const style = inClassifier ? "classifier" : kind;
  return (
    `<rect class="${style}" x="${x}" y="${y}" width="${width}" height="${box.height}" rx="5"/>` +
    `<text class="label" x="${x + width / 2}" y="${y + 17}">${label}</text>`
  );
}

/** Straight down to the next row; around the boxes between where rows lie between. */
function drawArrow(from: Place, to: Place): string {
  const [x1, y1] = [left(from) + widthOf(from) / 2, top(from) + box.height];
  const [x2, y2] = [left(to) + widthOf(to) / 2, top(to)];
  if (from.column === to.column && to.row - from.row === 1)
    return `<path class="arrow" d="M${x1} ${y1}V${y2}"/>`;
  if (from.column === to.column) {
    const [edge, bend] = [left(from) + box.width, left(from) + box.width + side.gap + 40];
    const [start, end] = [leaving(from), entering(to)];
    return `<path class="arrow" d="M${edge} ${start}C${bend} ${start} ${bend} ${end} ${edge} ${end}"/>`;
  }
  if (to.column > from.column) {
    const start = leaving(from);
    return `<path class="arrow" d="M${left(from) + widthOf(from)} ${start}H${x2 - 10}Q${x2} ${start} ${x2} ${start + 10}V${y2}"/>`;
  }
  const end = entering(to);
  return `<path class="arrow" d="M${x1} ${y1}V${end - 10}Q${x1} ${end} ${x1 - 10} ${end}H${left(to) + widthOf(to)}"/>`;
}

function drawLegend(height: number): string {
  const entries = [
    ["convolution", "convolution", 0],
    ["pooling", "pooling", 140],
    ["sum", "sum of two branches", 250],
    ["classifier", "the original's classifier", 440],
  ] as const;
  return entries
    .map(([style, text, offset]) => {
      const x = panel.left + offset;
      return (
        `<rect class="${style}" x="${x}" y="${height - 36}" width="16" height="16" rx="3"/>` +
        `<text class="note" x="${x + 24}" y="${height - 23}">${text}</text>`
      );
    })
    .join("\n");
}

const style = `text { font-family: system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.subtitle, .note { font-size: 13px; fill: #57606a; }
.label { font-size: 12px; text-anchor: middle; }
rect { stroke-width: 1.2; }
.paper { fill: #ffffff; stroke: #d0d7de; }
.input { fill: #f6f8fa; stroke: #8c959f; }
.convolution { fill: #ddf4ff; stroke: #0969da; }
.pooling { fill: #fff8c5; stroke: #9a6700; }
.sum { fill: #ffebe9; stroke: #cf222e; }
.classifier { fill: #dafbe1; stroke: #1a7f37; }
.arrow { fill: none; stroke: #57606a; stroke-width: 1.4; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.subtitle, .note { fill: #9198a1; }
.paper { fill: #0d1117; stroke: #3d444d; }
.input { fill: #151b23; stroke: #9198a1; }
.convolution { fill: #0c2d6b; stroke: #4493f8; }
.pooling { fill: #3b2300; stroke: #d29922; }
.sum { fill: #5d0f12; stroke: #f85149; }
.classifier { fill: #033a16; stroke: #3fb950; }
.arrow { stroke: #9198a1; }
}`;
