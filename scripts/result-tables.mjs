// The tables of docs/results.md: a column is its title and the cell of a row.
import { bytes, count, milliseconds, percent } from "../dist/cli/render.js";

/** @typedef {import("./results.mjs").Run} Run */
/** @typedef {import("../src/obfuscate/index.ts").ModelFigures} Figures */
/**
 * @template T
 * @typedef {readonly (readonly [title: string, cell: (row: T) => string | number])[]} Columns
 */

/**
 * Columns of more than one table.
 * @type {Readonly<Record<"original" | "depth" | "epochs" | "minutes" | "accuracy" | "macs" | "latencyOfOne", Columns<Run>[number]>>}
 */
const shared = {
  original: ["original", ({ name }) => name],
  depth: ["depth", ({ summary }) => summary.depth],
  epochs: ["epochs", ({ summary }) => summary.epochs],
  minutes: ["minutes", ({ summary }) => (summary.seconds / 60).toFixed(1)],
  accuracy: ["accuracy", (run) => both(run, ({ accuracy }) => percent(accuracy))],
  macs: ["MACs", (run) => both(run, ({ macs }) => count(macs))],
  latencyOfOne: ["latency, batch 1", (run) => latency(run, "batch1")],
};

/** @type {Columns<Run>} */
export const accuracyColumns = [
  shared.original,
  shared.depth,
  ["seed", ({ seed }) => seed],
  shared.epochs,
  shared.minutes,
  ["trained on", ({ summary }) => `${summary.device}, ${summary.precision}`],
  shared.accuracy,
  ["points", (run) => points(gain(run))],
  ["agreement", ({ summary }) => percent(summary.verify.agreement)],
];

/** @type {Columns<Run>} */
export const costColumns = [
  shared.original,
  shared.depth,
  ["seed", ({ seed }) => seed],
  ["parameters", (run) => both(run, ({ parameters }) => count(parameters))],
  shared.macs,
  ["convolutions", (run) => both(run, ({ convolutions }) => String(convolutions))],
  shared.latencyOfOne,
  ["latency, batch 64", (run) => latency(run, "batch64")],
  ["file", (run) => both(run, (figures) => bytes(figures.bytes))],
  ["SHA-256 of the original", ({ summary }) => `\`${summary.original.sha256.slice(0, 12)}\``],
];

/** @type {Columns<Run[]>[number]} */
const epochsOfAll = [
  "epochs",
  (runs) => [...new Set(runs.map(({ summary }) => summary.epochs))].join(", "),
];

/** @type {Columns<Run[]>[number]} */
const accuracyOfOriginal = [
  "accuracy of the original",
  (runs) => percent(mean(runs, accuracyOf("original"))),
];

/** @type {Columns<Run[]>} */
export const meanColumns = [
  ["original", ([first]) => first?.name ?? ""],
  ["depth", ([first]) => first?.summary.depth ?? ""],
  ["seeds", (runs) => runs.length],
  epochsOfAll,
  accuracyOfOriginal,
  ["of the obfuscated", (runs) => percent(mean(runs, accuracyOf("obfuscated")))],
  ["points", (runs) => points(mean(runs, gain))],
  ["agreement", (runs) => percent(mean(runs, ({ summary }) => summary.verify.agreement))],
  ["latency ratio, batch 1", (runs) => mean(runs, (run) => ratio(run, "batch1")).toFixed(2)],
  ["batch 64", (runs) => mean(runs, (run) => ratio(run, "batch64")).toFixed(2)],
];

/** @type {Columns<Run>} */
export const largeColumns = [
  shared.original,
  shared.depth,
  shared.epochs,
  shared.minutes,
  ["peak memory", ({ summary }) => bytes(summary.peakMemoryBytes)],
  shared.accuracy,
  shared.macs,
  shared.latencyOfOne,
];

/** @type {Columns<Run[]>} */
export const ablationColumns = [
  ["variant", ([first]) => first?.name ?? ""],
  epochsOfAll,
  ["minutes", (runs) => (mean(runs, ({ summary }) => summary.seconds) / 60).toFixed(1)],
  ["judged by", (runs) => [...new Set(runs.map(judge))].join("; ")],
  accuracyOfOriginal,
  ["mean accuracy", (runs) => percent(mean(runs, accuracyOf("obfuscated")))],
  ["standard deviation", (runs) => deviation(runs, accuracyOf("obfuscated"))],
  [
    "error of the logits",
    (runs) => percent(mean(runs, ({ summary }) => summary.verify.logitError)),
  ],
  ["seeds", (runs) => runs.map(({ seed }) => seed).join(", ")],
];

/**
 * Rows as a table of Markdown.
 * @template T
 * @param {readonly T[]} rows
 * @param {Columns<T>} columns
 */
export function table(rows, columns) {
  const line = (/** @type {readonly (string | number)[]} */ cells) => `| ${cells.join(" | ")} |\n`;
  return (
    line(columns.map(([title]) => title)) +
    line(columns.map(() => "---")) +
    rows.map((row) => line(columns.map(([, cell]) => cell(row)))).join("")
  );
}

/**
 * @param {Run} run
 * @param {(figures: Figures) => string} show
 */
function both({ summary }, show) {
  return `${show(summary.original)} → ${show(summary.obfuscated)}`;
}

/**
 * @param {Run} run
 * @param {"batch1" | "batch64"} batch
 */
function latency(run, batch) {
  const shown = both(run, ({ latencyMs }) => milliseconds(latencyMs[batch]));
  return `${shown} (${ratio(run, batch).toFixed(2)})`;
}

/**
 * @param {Run} run
 * @param {"batch1" | "batch64"} batch
 */
function ratio({ summary }, batch) {
  return summary.obfuscated.latencyMs[batch] / summary.original.latencyMs[batch];
}

/** @param {Run} run */
function gain({ summary }) {
  return summary.obfuscated.accuracy - summary.original.accuracy;
}

/** @param {number} difference of two fractions of 1 */
function points(difference) {
  const rounded = (100 * difference).toFixed(2);
  return difference > 0 ? `+${rounded}` : rounded;
}

/**
 * @param {"original" | "obfuscated"} model
 * @returns {(run: Run) => number}
 */
function accuracyOf(model) {
  return ({ summary }) => summary[model].accuracy;
}

/** @param {Run} run */
function judge({ heldOut }) {
  return heldOut > 0 ? `${heldOut} held-out images` : "the test set";
}

/**
 * @param {readonly Run[]} runs
 * @param {(run: Run) => number} of
 */
function mean(runs, of) {
  return runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
}

/**
 * The standard deviation of a sample, in percent; none of one run.
 * @param {readonly Run[]} runs
 * @param {(run: Run) => number} of
 */
function deviation(runs, of) {
  if (runs.length < 2) return "-";
  const average = mean(runs, of);
  const squares = runs.reduce((sum, run) => sum + (of(run) - average) ** 2, 0);
  return percent(Math.sqrt(squares / (runs.length - 1)));
}
