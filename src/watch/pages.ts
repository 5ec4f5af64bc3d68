// The pages of the live view. What changes is a fragment that the page's script asks for again, or a field that it
// fills in.
import { ownCommand } from "../../native/remedies.mjs";
import { percent, points } from "../numbers.ts";
import { html, type Markup } from "../report/html.ts";
import { isMissing } from "../report/missing.ts";
import { renderMissing, renderPage, renderTable } from "../report/page.ts";
import type { RunCourse, RunOutcome } from "../report/readRun.ts";
import { renderTraining } from "../report/sections/training.ts";
import { shorten } from "../text.ts";
import type { LiveState } from "./liveState.ts";
import type { ListedRun } from "./runList.ts";

const script = { path: "/live.js", policy: "script-src 'self'; connect-src 'self'" };

/** A run with what its list shows of it. */
export interface OverviewRow {
  readonly run: ListedRun;
  readonly live: LiveState;
  /** Of a finished run of `obfuscate`, which alone have a report and a demo. */
  readonly outcome: RunOutcome | undefined;
}

/** The page of all runs of a folder. */
export function overviewPage(folder: string, rows: readonly OverviewRow[]): string {
  return renderPage({
    title: "DeepObf: runs",
    hero: html`<p class="eyebrow">DeepObf, live</p><h1>Runs in ${shorten(folder)}</h1><p class="note" role="status" data-field="note"></p>`,
    sections: [
      {
        id: "runs",
        title: "All runs",
        content: html`<div data-fragment="/fragment">${overviewFragment(rows)}</div>`,
      },
    ],
    script,
    events: "/events",
  });
}

/** The table of all runs. */
export function overviewFragment(rows: readonly OverviewRow[]): Markup {
  if (rows.length === 0) {
    return html`<p class="missing">No runs yet: what ${ownCommand} obfuscate or train begins here appears by itself.</p>`;
  }
  return renderTable({
    label: "All runs",
    head: ["run", "state", "done", "epoch", "training left", "accuracy", "points", ""],
    rows: rows.map((row) => {
      const { run, live, outcome } = row;
      const target = outcome ? `/runs/${run.id}/report` : `/runs/${run.id}`;
      return [
        html`<a href="${target}">${shorten(run.name)}</a>`,
        html`<span class="state ${run.state}">${live.fields.status}</span>`,
        bar(live.done),
        live.fields.epoch ?? "–",
        live.fields.left ?? "–",
        ...accuracyCells(outcome),
        outcome ? html`<a href="/runs/${run.id}/demo/">try it</a>` : buttons(run),
      ];
    }),
  });
}

function accuracyCells(outcome: RunOutcome | undefined): [string, string] {
  if (!outcome || isMissing(outcome.summary)) return ["–", "–"];
  const { original, obfuscated } = outcome.summary;
  const [before, after] = [original.accuracy, obfuscated.accuracy];
  if (before === null || after === null) return ["unknown", "–"];
  return [percent(after), points(after - before)];
}

function bar(done: number): Markup {
  return html`<progress max="1" value="${done.toFixed(3)}" aria-label="share that is done">${percent(done, 0)}</progress>`;
}

function buttons({ id, name, state }: ListedRun): Markup {
  const button = (action: string, label: string) =>
    html`<button type="button" data-post="/runs/${id}/${action}" aria-label="${label} ${shorten(name)}">${label}</button>`;
  if (state === "working") return button("stop", "Stop");
  return state === "stopped" ? button("resume", "Resume") : html``;
}

/** The page of a run that is at work or was stopped. */
export function runPage(run: ListedRun, live: LiveState, course: RunCourse | undefined): string {
  const tile = (name: string, field: string, detail?: string) =>
    html`<div><dt>${name}</dt><dd class="large" data-field="${field}">${live.fields[field] ?? "–"}</dd>${detail === undefined ? undefined : html`<dd class="detail" data-field="${detail}">${live.fields[detail] ?? ""}</dd>`}</div>`;
  const hero = html`<p class="eyebrow"><a href="/">All runs</a></p>
<h1>${shorten(run.name)}</h1>
<p><span class="state ${live.state}" data-field="status">${live.fields.status}</span> ${buttons({ ...run, state: live.state })} <span class="note" role="status" data-field="note"></span></p>
<progress class="wide" max="1" value="${live.done.toFixed(3)}" data-done aria-label="share of the training that is done"></progress>
<dl class="tiles">${tile("Epoch", "epoch", "step")}${tile("Training left", "left", "end")}${tile("Images a second", "rate", "stage")}${tile("Loss", "loss")}${tile("Memory", "memory")}${tile("Processors at work", "processor")}</dl>`;
  return renderPage({
    title: `DeepObf: ${shorten(run.name)}`,
    hero,
    sections: [
      {
        id: "training",
        title: "How it learns",
        content: html`<div data-fragment="/runs/${run.id}/fragment">${runFragment(course)}</div>`,
      },
    ],
    script,
    events: `/runs/${run.id}/events`,
  });
}

/** The curves of a run until now. */
export function runFragment(course: RunCourse | undefined): Markup {
  if (!course)
    return renderMissing({ missing: "the curves, which only runs of obfuscate have here" });
  const { epochs, config } = course;
  if (isMissing(epochs)) return renderMissing({ missing: "no epoch has ended yet" });
  if (epochs.records.length === 0) return renderMissing({ missing: "no epoch has ended yet" });
  return renderTraining({
    epochs: epochs.records.map((each) => ({ ...each, stage: shorten(each.stage) })),
    learningRate: config.options.learningRate,
    unreadableLines: epochs.damaged,
  });
}
