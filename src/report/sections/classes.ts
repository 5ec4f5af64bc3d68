// Where both models are right, where they confuse classes differently, and the images on which they disagree most.
import { grouped, percent, points } from "../../numbers.ts";
import { cut } from "../../text.ts";
import { base64, html, type Markup } from "../html.ts";
import { coordinate } from "../lineChart.ts";
import { isMissing } from "../missing.ts";
import { renderMissing, renderTable, type Section, scrollable } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";
import { linearScale } from "../scale.ts";

type Classes = Part<"classes">;

const mostClasses = 30;

export function classesSection({ classes }: Report): Section {
  const section = { id: "classes", title: "Class by class" };
  if (isMissing(classes)) return { ...section, content: renderMissing(classes) };
  const rows = [...classes.classes].sort((a, b) => change(a) - change(b));
  const shown = rows.length <= mostClasses ? rows : ends(rows, mostClasses);
  const left = rows.length - shown.length;
  const [worst] = rows;
  const lead =
    worst && change(worst) < 0
      ? `The chain loses most on ${worst.name}: ${points(change(worst), 1)} points, of ${grouped(worst.images)} images.`
      : "The chain loses on no class.";
  const omitted = left > 0 ? ` ${left} classes between are left out.` : "";
  const content = html`<p class="lead">${lead} Classes are in the order of what the chain loses and gains.${omitted}</p>
<figure><figcaption>Accuracy on each class: <span class="axis">○ original</span>, <span class="shipped">● chain</span></figcaption>${scrollable("Chart of the classes", dumbbells(shown))}</figure>
${renderConfusions(classes)}`;
  return { ...section, content };
}

function change({ original, obfuscated }: Classes["classes"][number]): number {
  return (obfuscated ?? 0) - (original ?? 0);
}

function ends<T>(list: readonly T[], most: number): T[] {
  const half = Math.floor(most / 2);
  return [...list.slice(0, half), ...list.slice(-half)];
}

/** Two dots a class on a common axis, with a line between. */
function dumbbells(rows: Classes["classes"]): Markup {
  const [width, left, right, step, top] = [760, 190, 120, 26, 24];
  const values = rows.flatMap(({ original, obfuscated }) => [original ?? 0, obfuscated ?? 0]);
  const least = Math.max(0, Math.min(...values) - 0.05);
  const x = linearScale([least, 1], [left, width - right], 5);
  const height = top + rows.length * step + 26;
  const bottom = height - 26;
  const lines = rows.map((row, i) => {
    const y = top + (i + 0.5) * step;
    const [a, b] = [x.at(row.original ?? 0), x.at(row.obfuscated ?? 0)].map(coordinate);
    const text = `${percent(row.original ?? 0, 1)} → ${percent(row.obfuscated ?? 0, 1)}`;
    return html`<text class="end" x="${left - 14}" y="${coordinate(y + 4)}">${cut(row.name, 24)}</text>
<path class="stroke c4" d="M${a} ${coordinate(y)}H${b}"/><circle class="box input" cx="${a}" cy="${coordinate(y)}" r="5"/><circle class="f0" cx="${b}" cy="${coordinate(y)}" r="5"/>
<text class="axis start" x="${width - right + 14}" y="${coordinate(y + 4)}">${text}</text>`;
  });
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Accuracy of both models on each class">
${x.ticks.map((tick) => html`<line class="grid" x1="${coordinate(x.at(tick))}" x2="${coordinate(x.at(tick))}" y1="${top - 6}" y2="${bottom}"/><text class="axis middle" x="${coordinate(x.at(tick))}" y="${height - 8}">${Math.round(100 * tick)} %</text>`)}
${lines}
</svg>`;
}

function renderConfusions({ confusions }: Classes): Markup {
  if (confusions.length === 0)
    return html`<p>Both models confuse the same classes equally often.</p>`;
  return html`<h3>Confusions that differ</h3>
${renderTable({
  label: "Confusions that differ",
  head: ["images of", "taken for", "by the original", "by the chain", "difference"],
  rows: confusions.map(({ label, answer, original, obfuscated }) => [
    label,
    answer,
    String(original),
    String(obfuscated),
    `${obfuscated > original ? "+" : "−"}${Math.abs(obfuscated - original)}`,
  ]),
})}`;
}

export function disagreementsSection({ disagreements, models }: Report): Section {
  const section = { id: "disagreements", title: "Where they disagree most" };
  if (isMissing(disagreements)) return { ...section, content: renderMissing(disagreements) };
  const { differing, images } = disagreements;
  const all = isMissing(models) ? "" : ` of ${grouped(models.verify.samples)}`;
  const shown = images.map((image) => {
    const { png, label, original, obfuscated, place: at } = image;
    const alt = `Image ${at}${label === undefined ? "" : `, ${label}`}`;
    return html`<li><img src="data:image/png;base64,${base64(png)}" alt="${alt}"><dl>
${label === undefined ? undefined : html`<dt>label</dt><dd>${label}</dd>`}
${renderAnswer("original", original, label)}${renderAnswer("chain", obfuscated, label)}</dl></li>`;
  });
  return {
    ...section,
    content: html`<p class="lead">${grouped(differing)}${all} images are classified differently. Shown are those whose probabilities are furthest apart.</p>
<ul class="thumbnails">${shown}</ul>`,
  };
}

function renderAnswer(
  who: string,
  { class: answer, confidence }: { class: string; confidence: number },
  label: string | undefined,
): Markup {
  const mark = label === undefined ? "" : answer === label ? " ✓" : " ✗";
  const className = who === "chain" ? "shipped" : "";
  return html`<dt>${who}</dt><dd class="${className}">${answer}, ${percent(confidence, 0)}${mark}</dd>`;
}
