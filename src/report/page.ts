// A page that stands by itself: nothing from outside, no script, and a content security policy that allows nothing
// but its own style, by hash, and images inside of it. A page that does something has one script, a file beside it.
import { createHash } from "node:crypto";
import { escapeHtml, html, Markup } from "./html.ts";
import { style } from "./style.ts";

export interface Page {
  readonly title: string;
  /** What stands above the sections. */
  readonly hero: Markup;
  readonly sections: readonly Section[];
  /** Of a page that does something: its only script, and what that may do, as a content security policy says it. */
  readonly script?: { readonly path: string; readonly policy: string };
  /** Where the events of a live page come from. */
  readonly events?: string;
}

export interface Section {
  /** For links to it. */
  readonly id: string;
  readonly title: string;
  readonly content: Markup;
}

const hash = createHash("sha256").update(style).digest("base64");
const reportPolicy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;

/** The page as a file. */
export function renderPage({ title, hero, sections, script, events }: Page): string {
  const policy = `${reportPolicy}${script ? `; ${script.policy}` : ""}`;
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(escapeHtml(policy))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Markup(style)}</style>
${script && html`<script src="${script.path}" type="module"></script>`}
</head>
<body${events === undefined ? undefined : html` data-events="${events}"`}>
<a class="skip" href="#content">Skip to the content</a>
<header class="hero">
${hero}
${links.length > 1 ? html`<nav aria-label="Sections"><ul>${links}</ul></nav>` : undefined}
</header>
<main id="content">
${sections.map(renderSection)}
</main>
<footer>Made by DeepObf. Nothing on this page is loaded from elsewhere.</footer>
</body>
</html>
`.text;
}

function renderSection({ id, title, content }: Section): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>
`;
}

/** What stands in place of a part that is missing. */
export function renderMissing({ missing }: { readonly missing: string }): Markup {
  return html`<p class="missing">Not shown: ${missing}.</p>`;
}

/** What may be wider than the page scrolls by itself, by keyboard, too. */
export function scrollable(label: string, content: Markup): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}">${content}</div>`;
}

/** A table whose first column names its rows. */
export function renderTable(options: {
  readonly label: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | Markup)[])[];
  readonly className?: string;
}): Markup {
  const { label, head, rows, className = "" } = options;
  const body = rows.map(
    ([name, ...cells]) =>
      html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  );
  const first = head.map((text) =>
    text === "" ? html`<td></td>` : html`<th scope="col">${text}</th>`,
  );
  const table = html`<table class="${className}"><thead><tr>${first}</tr></thead><tbody>${body}</tbody></table>`;
  return scrollable(label, table);
}
