// What the shipped file tells of the original, as measured.
import { percent, significant } from "../../numbers.ts";
import { cut } from "../../text.ts";
import { html, type Markup } from "../html.ts";
import { coordinate } from "../lineChart.ts";
import { isMissing } from "../missing.ts";
import { renderMissing, renderTable, type Section, scrollable } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";
import { thinned } from "../scale.ts";

type Figure =
  | "layerEditDistance"
  | "graphSimilarity"
  | "sharedNames"
  | "sharedMetadata"
  | "sharedWeights"
  | "sharedWeightsUpToScale";
type Heat = NonNullable<Part<"exposure">["cka"]>;

export function exposureSection({ exposure }: Report): Section {
  const section = { id: "exposure", title: "What the file tells of the original" };
  if (isMissing(exposure)) {
    const missing = `${exposure.missing}; deepobf inspect RUN/model.onnx --against ORIGINAL measures it`;
    return { ...section, content: renderMissing({ missing }) };
  }
  const { cka, sentences } = exposure;
  const row = (measure: string, key: Figure, write: (value: number) => string = String) => [
    measure,
    write(exposure[key]),
    sentences[key] ?? "",
  ];
  const table = renderTable({
    label: "Exposure",
    head: ["measure", "value", "meaning"],
    className: "text",
    rows: [
      row("edit distance of the layers", "layerEditDistance", significant),
      row("similarity of the graphs", "graphSimilarity", significant),
      row("names in both files", "sharedNames"),
      row("remarks in both files", "sharedMetadata"),
      row("weights in both files", "sharedWeights"),
      row("up to order and scale", "sharedWeightsUpToScale"),
    ],
  });
  return { ...section, content: html`${table}${cka ? renderHeat(cka) : undefined}` };
}

/** Rows of a heat map, each of which has a square for every column. */
const mostRows = 100;

/** A square for each layer of one with each of the other, darker where they compute alike. */
function renderHeat({ model, original, values }: Heat): Markup {
  const shown = thinned([...model.keys()], mostRows);
  const columns = thinned([...original.keys()]);
  const [left, top, cell] = [
    150,
    20,
    Math.max(4, Math.min(28, Math.floor(560 / Math.max(1, columns.length)))),
  ];
  const tall = Math.max(14, Math.min(28, cell));
  const [width, height] = [
    Math.max(640, left + columns.length * cell + 10),
    top + shown.length * tall + 24,
  ];
  const rows = shown.flatMap((row, y) => {
    const name = model[row]!;
    const squares = columns.map((column, x) => {
      const value = values[row]?.[column];
      if (value === undefined || value === null) return undefined;
      const strength = Math.min(1, Math.max(0, value)).toFixed(3);
      return html`<rect class="f0" fill-opacity="${strength}" x="${left + x * cell}" y="${coordinate(top + y * tall)}" width="${cell - 1}" height="${tall - 1}"><title>${name} and ${original[column]}: ${significant(value)}</title></rect>`;
    });
    return [
      html`<text class="end cell" x="${left - 8}" y="${coordinate(top + (y + 0.5) * tall + 4)}">${cut(name, 20)}</text>`,
      ...squares,
    ];
  });
  const best = values.flat().reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  const thinnedOut =
    shown.length < model.length || columns.length < original.length
      ? ` Drawn are ${shown.length} of ${model.length} rows and ${columns.length} of ${original.length} columns.`
      : "";
  return html`<figure><figcaption>Linear CKA of every layer of the chain (rows) with every layer of the original (columns, from the first on the left): the darker, the more alike; at most ${percent(best, 1)}.${thinnedOut}</figcaption>
${scrollable("Heat map of the layers", html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Similarity of the layers of both models">${rows}<text class="axis start" x="${left}" y="${height - 6}">layers of the original →</text></svg>`)}</figure>`;
}
