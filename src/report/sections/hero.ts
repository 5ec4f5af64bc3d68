// What stands first: the verdict, and the four figures behind it.
import { percent, points, significant } from "../../numbers.ts";
import { html, type Markup } from "../html.ts";
import { isMissing } from "../missing.ts";
import { renderMissing } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";

export function renderHero({ run, verdict, models }: Report): Markup {
  const title = html`<p class="eyebrow">DeepObf report</p>
<h1>${run.name}</h1>`;
  if (isMissing(verdict)) {
    return html`${title}
<p class="verdict">${run.finished ? "There is no verdict." : "The run is not finished: there is no verdict yet."}</p>
${renderMissing(verdict)}`;
  }
  return html`${title}
<ul class="verdict"><li>${verdict.accuracy}</li><li>${verdict.speed}</li><li>${verdict.hiding}</li></ul>
${isMissing(models) ? undefined : renderTiles(models)}`;
}

function renderTiles({ original, obfuscated, verify }: Part<"models">): Markup {
  const [before, after] = [original.accuracy, obfuscated.accuracy];
  const ratio = (key: "batch1" | "batch64") => obfuscated.latencyMs[key] / original.latencyMs[key];
  const isKnown = before !== null && after !== null;
  const tiles = [
    [
      "Accuracy",
      isKnown ? percent(after, 1) : "unknown",
      isKnown ? `${points(after - before)} points against the original` : "images without labels",
    ],
    ["Same answer as the original", percent(verify.agreement, 1), `of ${verify.samples} images`],
    [
      "Time for one image",
      `× ${significant(ratio("batch1"))}`,
      `of the original's; × ${significant(ratio("batch64"))} for 64`,
    ],
    [
      "Convolutions to be seen",
      String(obfuscated.convolutions),
      `in place of ${original.convolutions}`,
    ],
  ];
  return html`<dl class="tiles">${tiles.map(
    ([name, large, detail]) =>
      html`<div><dt>${name}</dt><dd class="large">${large}</dd><dd class="detail">${detail}</dd></div>`,
  )}</dl>`;
}
