// What attackers reach who start from the shipped file: accuracy over the pirate's data, with controls and spread.
import { plainPercent, withDeviation } from "../../numbers.ts";
import { html, type Markup } from "../html.ts";
import { lineChart, type Series } from "../lineChart.ts";
import { isMissing } from "../missing.ts";
import { renderMissing, renderTable, type Section, scrollable } from "../page.ts";
import type { AttackRun, Report } from "../reportForm.ts";
import { isExtraction } from "../runForms.ts";

/** Arms in the order in which they are drawn, each with its look and its name for a reader, also in an extraction. */
const arms: Readonly<Record<string, { look: number; name: string; inExtraction: string }>> = {
  obfuscated: { look: 0, name: "shipped chain", inExtraction: "chain, answers" },
  original: { look: 1, name: "original", inExtraction: "original, answers" },
  "obfuscated-scratch": { look: 2, name: "chain, random", inExtraction: "chain, labels" },
  "original-scratch": { look: 4, name: "original, random", inExtraction: "original, labels" },
};

export function attacksSection({ attacks }: Report): Section {
  const section = { id: "attacks", title: "What a pirate reaches" };
  if (isMissing(attacks)) return { ...section, content: renderMissing(attacks) };
  const content = html`<p class="lead">Accuracy that fine-tuning the file reaches with a share of the pirate's data, by the best method found, beside random weights; or that learning its answers reaches in either architecture, beside true labels. Bars are one standard deviation between seeds.</p>
${attacks.runs.map(renderRun)}`;
  return { ...section, content };
}

function renderRun(run: AttackRun): Markup {
  const series = seriesOf(run);
  const chart = lineChart(series, {
    label: `Accuracy over the pirate's data in the attack ${run.kind}`,
    x: "share of the pirate's data",
    y: "accuracy, %",
    logarithmic: true,
    height: 300,
    formatX: plainPercent,
  });
  return html`<figure><figcaption>Attack “${run.kind}” (${run.name})</figcaption>${scrollable(`Chart of the attack ${run.kind}`, chart)}</figure>
${renderTable({
  label: `Gain in the attack ${run.kind}`,
  head: isExtraction(run)
    ? [
        "pirate's data",
        "answers over true labels in the original's architecture, points",
        "in the chain's architecture",
      ]
    : ["pirate's data", "head start from the original, points", "from the shipped chain"],
  rows: run.headStart.map(({ budget, original, obfuscated }) => [
    plainPercent(budget),
    withDeviation(original),
    html`<span class="shipped">${withDeviation(obfuscated)}</span>`,
  ]),
})}`;
}

/** The best method of each arm at each budget. */
function seriesOf(run: AttackRun): Series[] {
  const { arms: rows } = run;
  const names = [...new Set(rows.map(({ arm }) => arm))];
  const order = Object.keys(arms);
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return names
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, 6)
    .map((name) => {
      const own = rows.filter(({ arm }) => arm === name);
      const budgets = [...new Set(own.map(({ budget }) => budget))].sort((a, b) => a - b);
      const points = budgets.map((budget) => {
        const best = own
          .filter((row) => row.budget === budget)
          .reduce((a, b) => (b.mean > a.mean ? b : a));
        return { x: budget, y: 100 * best.mean, spread: 100 * (best.deviation ?? 0) };
      });
      const known = Object.hasOwn(arms, name) ? arms[name] : undefined;
      const called = isExtraction(run) ? known?.inExtraction : known?.name;
      return { name: called ?? name, points, look: known?.look ?? 3 };
    });
}
