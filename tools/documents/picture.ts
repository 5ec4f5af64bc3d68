// The picture of the README: the demo's original beside the chain that is shipped for it, drawn as reports draw them.
import { join } from "node:path";
import { diagramOf, type Kind } from "../../src/graph/diagram.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { planOriginal, untrainedChain } from "../../src/obfuscate/original.ts";
import { readModel } from "../../src/onnx/index.ts";
import { type Drawing, drawDiagram } from "../../src/report/drawDiagram.ts";
import { foldDiagram } from "../../src/report/fold.ts";
import { html, Markup } from "../../src/report/html.ts";
import { colours, diagramStyle } from "../../src/report/style.ts";
import { root } from "../records/records.ts";

interface Panel {
  readonly title: string;
  readonly subtitle: string;
  readonly drawing: Drawing;
}

const what =
  "A ResNet-8 with its shortcuts beside the plain chain of five convolutions that is shipped for it";
const [left, top, legendHeight] = [24, 76, 52];

/** The SVG image, for light and for dark backgrounds. The chain is planned and sealed as the main job does it, but not trained. */
export async function drawOriginalAndChain(): Promise<string> {
  const model = join(root, "examples", "resnet8-fashion-mnist.onnx");
  const original = await readModel(model);
  const planned = planOriginal(original, [1, 28, 28], { model, depth: 5 });
  const { sealed } = untrainedChain(planned);
  const panels = [
    panelOf(original, { title: "The original", network: "a ResNet-8", ours: false }),
    panelOf(sealed, { title: "What is shipped", network: "a plain chain", ours: true }),
  ];
  const column = left + Math.ceil(Math.max(...panels.map(({ drawing }) => drawing.width)));
  const width = left + panels.length * column;
  const tallest = Math.ceil(Math.max(...panels.map(({ drawing }) => drawing.height)));
  const height = top + tallest + legendHeight;
  const image = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${what}</title>
<style>${new Markup(colours + diagramStyle)}
.paper { fill: var(--paper); stroke: var(--line); } svg .title { font-size: 17px; font-weight: 600; }
svg .note { font-size: 13px; fill: var(--muted); }
</style>
<rect class="paper" width="${width}" height="${height}" rx="10"/>
${panels.map((panel, i) => drawPanel(panel, left + i * column))}
${drawLegend(height - 24)}
</svg>
`;
  return image.text;
}

function panelOf(
  graph: Graph,
  { title, network, ours }: { title: string; network: string; ours: boolean },
): Panel {
  const boxes = diagramOf(graph);
  const count = (kind: Kind) => boxes.filter((box) => box.kind === kind).length;
  const shortcuts = count("sum") === 0 ? "no shortcuts" : `${count("sum")} shortcuts`;
  const subtitle = `${network}: ${count("convolution")} convolutions, ${shortcuts}`;
  return { title, subtitle, drawing: drawDiagram(foldDiagram(boxes), { label: title, ours }) };
}

function drawPanel({ title, subtitle, drawing }: Panel, x: number): Markup {
  return html`<text class="title" x="${x}" y="34">${title}</text>
<text class="note" x="${x}" y="56">${subtitle}</text>
<g transform="translate(${x} ${top})">${drawing.svg}</g>
`;
}

function drawLegend(y: number): Markup {
  const box = (kind: string, x: number) =>
    html`<rect class="box ${kind}" x="${x}" y="${y - 10}" width="22" height="11" rx="3"/>`;
  const sign = html`<circle class="box sum" cx="281" cy="${y - 4}" r="6"/>`;
  const text = (x: number, words: string) =>
    html`<text class="note" x="${x}" y="${y}">${words}</text>`;
  return html`${box("convolution", 24)}${text(54, "convolution")}
${box("pooling", 160)}${text(190, "pooling")}
${sign}${text(300, "branches meet")}
${box("classifier", 420)}${text(450, "the original's classifier, in both")}`;
}
