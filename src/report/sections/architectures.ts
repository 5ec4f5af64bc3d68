// Both networks as whoever has the files sees them.
import { drawDiagram } from "../drawDiagram.ts";
import { html, type Markup } from "../html.ts";
import { isMissing, type Missing } from "../missing.ts";
import { renderMissing, type Section, scrollable } from "../page.ts";
import type { Architecture, Report } from "../reportForm.ts";

export function architecturesSection({ architectures }: Report): Section {
  const content = html`<p class="lead">Left is what the original's file shows, right what the shipped file shows. A dashed frame with a number stands for blocks that repeat.</p>
<div class="pair">
${renderOne("The original", architectures.original, false)}
${renderOne("What is shipped", architectures.obfuscated, true)}
</div>
<ul class="legend">
<li><svg viewBox="0 0 24 12" aria-hidden="true"><rect class="box convolution" x="1" y="1" width="22" height="10" rx="3"/></svg>convolution</li>
<li><svg viewBox="0 0 24 12" aria-hidden="true"><rect class="box pooling" x="1" y="1" width="22" height="10" rx="3"/></svg>pooling</li>
<li><svg viewBox="0 0 24 12" aria-hidden="true"><circle class="box sum" cx="12" cy="6" r="5"/></svg>branches meet</li>
<li><svg viewBox="0 0 24 12" aria-hidden="true"><rect class="box classifier" x="1" y="1" width="22" height="10" rx="3"/></svg>the original's classifier, in both files</li>
</ul>`;
  return { id: "architectures", title: "What can be seen", content };
}

function renderOne(title: string, architecture: Architecture | Missing, ours: boolean): Markup {
  if (isMissing(architecture)) {
    return html`<div class="architecture"><h3>${title}</h3>${renderMissing(architecture)}</div>`;
  }
  const { convolutions, joins } = architecture;
  const meeting =
    joins === 1 ? "1 place where branches meet" : `${joins} places where branches meet`;
  const summary = `${convolutions} convolutions, ${joins === 0 ? "no branches" : meeting}`;
  const { svg } = drawDiagram(architecture, { label: `${title}: ${summary}`, ours });
  return html`<div class="architecture"><h3>${title}</h3><span class="badge">${summary}</span>${scrollable(`Drawing: ${title}`, svg)}</div>`;
}
