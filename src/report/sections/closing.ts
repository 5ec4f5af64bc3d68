// What the file stops and what not, and how to make the run again.
import { bytes, roughDuration } from "../../numbers.ts";
import { html } from "../html.ts";
import { renderTable, type Section } from "../page.ts";
import type { Report } from "../reportForm.ts";

export function protectionSection({ protection }: Report): Section {
  const list = (texts: readonly string[]) =>
    html`<ul>${texts.map((text) => html`<li>${text}</li>`)}</ul>`;
  const content = html`<p class="lead">It hides a structure, nothing else. It is not encryption.</p>
<div class="columns"><div><h3>What it stops</h3>${list(protection.stops)}</div><div><h3>What it does not stop</h3>${list(protection.remains)}</div></div>`;
  return { id: "protection", title: "What this stops, and what it does not", content };
}

export function reproductionSection({ reproduction }: Report): Section {
  const { command, settings, versions, hashes } = reproduction;
  const shown = Object.entries(settings).map(([name, value]) => [
    words(name),
    sayValue(name, value),
  ]);
  const content = html`<p class="lead">The same command on the same kind of machine gives the same file, byte for byte.</p>
<pre tabindex="0">${command}</pre>
<div class="columns">
${renderTable({ label: "Settings", head: ["setting", "value"], rows: shown })}
${renderTable({ label: "Versions", head: ["program", "version"], rows: Object.entries(versions) })}
</div>
${renderTable({
  label: "Hashes",
  head: ["file", "SHA-256"],
  className: "text",
  rows: hashes.map(({ what, sha256, remark }) => [
    what,
    html`<code>${sha256}</code>${remark ? html` <strong>(${remark})</strong>` : undefined}`,
  ]),
})}`;
  return { id: "reproduction", title: "How to make it again", content };
}

/** The name of a setting as words: `peakMemoryBytes` is `peak memory`. */
function words(name: string): string {
  const spaced = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return spaced.replace(/ bytes$/, "").replace(/^seconds$/, "time of the whole run");
}

function sayValue(name: string, value: string | number): string {
  if (typeof value === "string") return value;
  if (name === "seconds") return roughDuration(value);
  return name.endsWith("Bytes") ? bytes(value) : String(value);
}
