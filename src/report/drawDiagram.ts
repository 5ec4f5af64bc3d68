// A folded diagram as an SVG image. Where boxes stand and how lines lead around them is dagre's business
// (https://github.com/dagrejs/dagre).
import { graphlib, layout } from "@dagrejs/dagre";
import { largest } from "../lists.ts";
import type { FoldedBox, FoldedDiagram, Frame } from "./fold.ts";
import { html, type Markup } from "./html.ts";
import { coordinate } from "./lineChart.ts";

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An image, and its size in pixels. */
export interface Drawing {
  readonly svg: Markup;
  readonly width: number;
  readonly height: number;
}

/** How boxes are filled: name and sizes beside each other or, where a drawing would be too wide, below each other. */
interface Form {
  readonly height: number;
  readonly nodesep: number;
  readonly widthOf: (box: FoldedBox) => number;
  readonly isStacked: boolean;
}

const sideBySide: Form = {
  height: 30,
  nodesep: 18,
  isStacked: false,
  widthOf: ({ what, sizes }) => Math.max(110, 7.3 * (what.length + sizes.length) + 46),
};
const stacked: Form = {
  height: 44,
  nodesep: 10,
  isStacked: true,
  widthOf: ({ what, sizes }) =>
    Math.max(70, 7 * Math.max(shortened(what).length, sizes.length) + 18),
};
const widest = 440;
const joinSize = 22;
const joinSigns: Readonly<Record<string, string>> = { sum: "+", product: "×", concatenation: "⧺" };
const margin = 10;
const frameRoom = 9;
const besideFrame = 42;

function shortened(what: string): string {
  return what.replace("convolution", "conv");
}

/** The drawing; `label` says what it shows. `ours` is in the accent colour. */
export function drawDiagram(
  { boxes, frames }: FoldedDiagram,
  { label, ours }: { readonly label: string; readonly ours: boolean },
): Drawing {
  const wide = layOut(boxes, sideBySide);
  const [form, graph] =
    widthOf(wide) <= widest ? [sideBySide, wide] : [stacked, layOut(boxes, stacked)];
  const nodes = boxes.map((_, i) => graph.node(String(i)) as unknown as Rectangle);
  const lines = graph.edges().map((edge: object) => {
    const { points } = graph.edge(edge) as { points: readonly Spot[] };
    return drawEdge(points);
  });
  const rectangles = frames.map((frame) => around(nodes, frame));
  const size = graph.graph() as { width?: number; height?: number };
  const right = frames.length > 0 ? besideFrame : 0;
  const width = (size.width ?? 0) + 2 * margin + right;
  const height = (size.height ?? 0) + 2 * margin;
  const box = `${-margin} ${-margin} ${coordinate(width)} ${coordinate(height)}`;
  const svg = html`<svg class="${ours ? "ours" : "theirs"}" viewBox="${box}" width="${coordinate(width)}" height="${coordinate(height)}" role="img" aria-label="${label}">
${rectangles.map((rectangle, i) => drawFrame(rectangle, frames[i]!.times))}
${lines}
${boxes.map((each, i) => drawBox(each, nodes[i]!, form))}
</svg>`;
  return { svg, width, height };
}

function layOut(boxes: readonly FoldedBox[], form: Form) {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: form.nodesep, ranksep: 22, edgesep: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [i, box] of boxes.entries()) {
    const size = isSign(box)
      ? { width: joinSize, height: joinSize }
      : { width: form.widthOf(box), height: form.height };
    graph.setNode(String(i), size);
  }
  for (const [i, { from }] of boxes.entries()) {
    for (const source of from) graph.setEdge(String(source), String(i));
  }
  layout(graph);
  return graph;
}

/** The length of all lines of a drawing, in rows of boxes; with it grows the time that laying them out takes. */
export function lengthOfLines(boxes: readonly FoldedBox[]): number {
  const rows: number[] = [];
  let length = 0;
  for (const { from } of boxes) {
    const above = from.map((source) => rows[source]!);
    const row = 1 + largest(above, 0);
    for (const each of above) length += row - each;
    rows.push(row);
  }
  return length;
}

function widthOf(graph: graphlib.Graph): number {
  return (graph.graph() as { width?: number }).width ?? 0;
}

function isSign({ what, kind }: FoldedBox): boolean {
  return kind === "sum" && Object.hasOwn(joinSigns, what);
}

function drawBox(box: FoldedBox, { x, y, width, height }: Rectangle, form: Form): Markup {
  const { what, sizes, kind, inClassifier } = box;
  if (isSign(box)) {
    return html`<g><title>${what}</title><circle class="box sum" cx="${coordinate(x)}" cy="${coordinate(y)}" r="${joinSize / 2}"/><text class="middle" x="${coordinate(x)}" y="${coordinate(y + 4)}">${joinSigns[what]}</text></g>`;
  }
  const style = inClassifier ? "classifier" : kind;
  const frame = html`<rect class="box ${style}" x="${coordinate(x - width / 2)}" y="${coordinate(y - height / 2)}" width="${coordinate(width)}" height="${height}" rx="7"/>`;
  if (sizes === "") {
    return html`${frame}<text class="middle" x="${coordinate(x)}" y="${coordinate(y + 4)}">${what}</text>`;
  }
  if (form.isStacked) {
    return html`${frame}<text class="middle" x="${coordinate(x)}" y="${coordinate(y - 4)}">${shortened(what)}</text><text class="middle sizes" x="${coordinate(x)}" y="${coordinate(y + 13)}">${sizes}</text>`;
  }
  const [left, right, base] = [x - width / 2 + 12, x + width / 2 - 12, coordinate(y + 4)];
  return html`${frame}<text class="start" x="${coordinate(left)}" y="${base}">${what}</text><text class="end sizes" x="${coordinate(right)}" y="${base}">${sizes}</text>`;
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

/** A line through the middles between its bends, so that it has no corners, with an arrow's tip. */
function drawEdge(points: readonly Spot[]): Markup {
  const [first, ...rest] = points as [Spot, ...Spot[]];
  const end = rest.at(-1) ?? first;
  let path = `M${coordinate(first.x)} ${coordinate(first.y)}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const [bend, next] = [rest[i]!, rest[i + 1]!];
    const isLast = i === rest.length - 2;
    const to = isLast ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    path += `Q${coordinate(bend.x)} ${coordinate(bend.y)} ${coordinate(to.x)} ${coordinate(to.y)}`;
  }
  if (rest.length === 1) path += `L${coordinate(end.x)} ${coordinate(end.y)}`;
  const before = points.at(-2) ?? first;
  const length = Math.hypot(end.x - before.x, end.y - before.y) || 1;
  const [dx, dy] = [(5 * (end.x - before.x)) / length, (5 * (end.y - before.y)) / length];
  const corner = (side: number) =>
    `${coordinate(end.x - dx + side * dy * 0.7)} ${coordinate(end.y - dy - side * dx * 0.7)}`;
  return html`<path class="edge" d="${path}"/><path class="tip" d="M${coordinate(end.x)} ${coordinate(end.y)}L${corner(1)}L${corner(-1)}Z"/>`;
}

function around(nodes: readonly Rectangle[], { first, last }: Frame): Rectangle {
  const inside = nodes.slice(first, last + 1);
  const [left, top] = [
    Math.min(...inside.map(({ x, width }) => x - width / 2)),
    Math.min(...inside.map(({ y, height }) => y - height / 2)),
  ];
  const [right, bottom] = [
    Math.max(...inside.map(({ x, width }) => x + width / 2)),
    Math.max(...inside.map(({ y, height }) => y + height / 2)),
  ];
  return {
    x: left - frameRoom,
    y: top - frameRoom,
    width: right - left + 2 * frameRoom,
    height: bottom - top + 2 * frameRoom,
  };
}

function drawFrame({ x, y, width, height }: Rectangle, times: number): Markup {
  return html`<rect class="frame" x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(width)}" height="${coordinate(height)}" rx="10"/><text class="start times" x="${coordinate(x + width + 8)}" y="${coordinate(y + height / 2 + 5)}">× ${times}</text>`;
}
