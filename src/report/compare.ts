// Several runs on one page: accuracy against latency, a table, and their losses over each other.
import { join, resolve, sep } from "node:path";
import { UsageError } from "../errors.ts";
import { ensureDirectory, writeFileAtomically } from "../files.ts";
import { grouped, percent, points, significant } from "../numbers.ts";
import { shorten } from "../text.ts";
import { collectReport, dataSet, testImages } from "./collect.ts";
import { html, type Markup } from "./html.ts";
import { lineChart } from "./lineChart.ts";
import { isMissing } from "./missing.ts";
import { renderMissing, renderPage, renderTable, type Section, scrollable } from "./page.ts";
import { type Candidate, frontOf, paretoChart } from "./paretoChart.ts";
import type { Report } from "./reportForm.ts";
import type { ReportFiles } from "./writeReport.ts";

const mostRuns = 100;

/**
 * Writes comparison.html and comparison.json, a list of reports, into a folder. Throws UsageError and DataError where
 * one of the runs is none, ResourceError where it cannot be written.
 */
export async function writeComparison(
  runs: readonly string[],
  { out = ".", attacks }: { readonly out?: string; readonly attacks?: readonly string[] } = {},
): Promise<ReportFiles> {
  if (attacks) throw new UsageError("--attacks: expected with one run, received several runs");
  if (runs.length > mostRuns) {
    throw new UsageError(`expected at most ${mostRuns} runs to compare, received ${runs.length}`);
  }
  const reports: Report[] = [];
  for (const [i, name] of namesApart(runs).entries()) {
    const report = await collectReport(runs[i]!);
    reports.push({ ...report, run: { ...report.run, name: shorten(name) } });
  }
  const files = { report: join(out, "comparison.html"), json: join(out, "comparison.json") };
  await ensureDirectory(out);
  await writeFileAtomically(files.report, renderComparison(reports));
  await writeFileAtomically(files.json, `${JSON.stringify(reports, null, 2)}\n`);
  return files;
}

/** The last parts of each path, as many as tell it from the others. */
function namesApart(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(sep));
  const lastOf = (own: readonly string[], count: number) => own.slice(-count).join("/");
  return parts.map((own) => {
    const others = parts.filter((each) => String(each) !== String(own));
    const isAlone = (count: number) =>
      others.every((each) => lastOf(each, count) !== lastOf(own, count));
    let count = 1;
    while (count < own.length && !isAlone(count)) count++;
    return lastOf(own, count);
  });
}

/** The page that compares runs. */
function renderComparison(reports: readonly Report[]): string {
  const candidates = reports.flatMap(candidateOf);
  const unlike = sayUnlikeImages(reports);
  return renderPage({
    title: `DeepObf: ${reports.length} runs compared`,
    hero: renderHero(reports, candidates, unlike),
    sections: [paretoSection(candidates, unlike), tableSection(reports), curvesSection(reports)],
  });
}

/** Which runs are judged by which images; undefined where all finished ones are by the same. */
function sayUnlikeImages(reports: readonly Report[]): string | undefined {
  const groups = new Map<string, { readonly samples: number; readonly names: string[] }>();
  for (const { run, models, reproduction } of reports) {
    if (isMissing(models)) continue;
    const { samples } = models.verify;
    const hashOf = (part: string) => reproduction.hashes.find(({ what }) => what === part)?.sha256;
    const data = hashOf(testImages) ?? hashOf(dataSet);
    const key = `${data} ${samples}`;
    groups.set(key, { samples, names: [...(groups.get(key)?.names ?? []), run.name] });
  }
  if (groups.size < 2) return undefined;
  const parts = [...groups.values()].map(
    ({ samples, names }) => `${names.join(", ")} (${grouped(samples)} images)`,
  );
  return `the runs are judged by different images, so their accuracies say nothing of which is better: ${parts.join("; ")}`;
}

/** A run that ended with an accuracy. */
function candidateOf({ run, models }: Report): Candidate[] {
  if (isMissing(models) || models.obfuscated.accuracy === null) return [];
  const { original, obfuscated } = models;
  const time = obfuscated.latencyMs.batch1 / original.latencyMs.batch1;
  return [{ name: run.name, accuracy: models.obfuscated.accuracy, time }];
}

function renderHero(
  reports: readonly Report[],
  candidates: readonly Candidate[],
  unlike: string | undefined,
): Markup {
  const best = candidates.toSorted((a, b) => b.accuracy - a.accuracy)[0];
  const fastest = candidates.toSorted((a, b) => a.time - b.time)[0];
  const unfinished = reports.filter(({ run }) => !run.finished).length;
  const sentences = [
    ...(unlike ? [`Not ranked: ${unlike}.`] : []),
    ...(best && !unlike ? [`${best.name} is the most accurate: ${percent(best.accuracy)}.`] : []),
    ...(fastest
      ? [
          `${fastest.name} is the fastest: ${significant(fastest.time)} of its original's time for one image.`,
        ]
      : []),
    ...(unlike ? [] : [sayFront(candidates)]),
    ...(unfinished > 0 ? [`Not finished: ${unfinished}.`] : []),
  ];
  return html`<p class="eyebrow">DeepObf comparison</p>
<h1>${reports.length} runs</h1>
<ul class="verdict">${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>`;
}

function sayFront(candidates: readonly Candidate[]): string {
  const best = frontOf(candidates).length;
  return best === 1 && candidates.length > 1
    ? "No other run is more accurate or faster than that one."
    : `${best} of ${candidates.length} finished runs are best at something: no other is both as accurate and as fast.`;
}

function paretoSection(candidates: readonly Candidate[], unlike: string | undefined): Section {
  const missing = candidates.length === 0 ? "no run has ended with an accuracy" : unlike;
  const content =
    missing !== undefined
      ? renderMissing({ missing })
      : html`<p class="lead">Up and to the left is better. The line connects the runs that no other one beats in both.</p>
${scrollable("Chart of accuracy against time", paretoChart(candidates))}`;
  return { id: "front", title: "Accuracy against time", content };
}

function tableSection(reports: readonly Report[]): Section {
  const rows = reports.map(({ run, models }) => {
    if (isMissing(models)) return [run.name, "not finished", ...Array<string>(6).fill("–")];
    const { original, obfuscated, verify } = models;
    const ratio = (key: "batch1" | "batch64") =>
      significant(obfuscated.latencyMs[key] / original.latencyMs[key]);
    const [before, after] = [original.accuracy, obfuscated.accuracy];
    return [
      run.name,
      `${original.convolutions} → ${obfuscated.convolutions}`,
      percent(before),
      percent(after),
      before === null || after === null ? "–" : points(after - before),
      percent(verify.agreement),
      ratio("batch1"),
      ratio("batch64"),
    ];
  });
  const head = [
    ...["run", "convolutions", "original", "chain", "points", "same answer"],
    ...["time, 1 image", "64 images"],
  ];
  return {
    id: "table",
    title: "All runs in numbers",
    content: html`<p class="lead">Times are the chain's over its original's.</p>${renderTable({ label: "All runs", head, rows })}`,
  };
}

const mostCurves = 5;

function curvesSection(reports: readonly Report[]): Section {
  const section = { id: "curves", title: "How they learned" };
  const series = reports.flatMap(({ run, training }) => {
    if (isMissing(training)) return [];
    const curve = training.epochs.flatMap(({ epoch, losses: { loss } }) =>
      loss === undefined ? [] : [{ x: epoch, y: loss }],
    );
    return curve.length === 0 ? [] : [{ name: run.name, points: curve }];
  });
  if (series.length === 0) {
    return { ...section, content: renderMissing({ missing: "no run has an epoch behind it" }) };
  }
  const left = series.length - mostCurves;
  const note =
    left > 0
      ? html`<p class="lead">The first ${mostCurves} of ${series.length} runs.</p>`
      : undefined;
  const chart = lineChart(series.slice(0, mostCurves), {
    label: "Loss of each run by epoch",
    x: "epoch",
    y: "loss",
    height: 320,
  });
  return { ...section, content: html`${note}${scrollable("Chart of the losses", chart)}` };
}
