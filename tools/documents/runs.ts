// Tables of runs that the test set judged.
import { mean } from "../../src/averages.ts";
import { bytes, count, milliseconds, percent } from "../../src/numbers.ts";
import type { ChainRun, Figures } from "../records/records.ts";
import { type Column, grouped, table } from "./markdown.ts";

const run: readonly Column<ChainRun>[] = [
  ["original", ({ name }) => name],
  ["depth", ({ depth }) => depth],
  ["seed", ({ seed }) => seed],
];
const minutes: Column<ChainRun> = ["minutes", ({ seconds }) => (seconds / 60).toFixed(1)];
const accuracy: Column<ChainRun> = ["accuracy", (run) => both(run, (it) => percent(it.accuracy))];
const macs: Column<ChainRun> = ["MACs", (run) => both(run, (it) => count(it.macs))];
const latencyOfOne: Column<ChainRun> = ["latency, batch 1", (run) => latency(run, "batch1")];

/** How each run learned and how accurate it is. */
export function accuracyTable(runs: readonly ChainRun[]): string {
  return table(runs, [
    ...run,
    ["epochs", ({ epochs }) => epochs],
    minutes,
    ["trained on", ({ device, precision }) => `${device}, ${precision}`],
    accuracy,
    ["points", (run) => hundredths(gain(run))],
    ["agreement", ({ verify }) => percent(verify.agreement)],
    ["logits off by", ({ verify }) => optionalPercent(verify.logitError)],
  ]);
}

/** What each run's files cost. */
export function costTable(runs: readonly ChainRun[]): string {
  return table(runs, [
    ...run,
    ["parameters", (run) => both(run, ({ parameters }) => count(parameters))],
    macs,
    ["convolutions", (run) => both(run, ({ convolutions }) => String(convolutions))],
    latencyOfOne,
    ["latency, batch 64", (run) => latency(run, "batch64")],
    ["file", (run) => both(run, (figures) => bytes(figures.bytes))],
    ["SHA-256 of the original", ({ original }) => `\`${original.sha256.slice(0, 12)}\``],
  ]);
}

/** Originals by their names in the records. */
const titles: Readonly<Record<string, string>> = {
  densenet: "DenseNet",
  googlenet: "GoogLeNet, smoothed labels",
  "googlenet-unsmoothed": "GoogLeNet",
  resnet20: "ResNet-20",
  resnet56: "ResNet-56",
};

/** Means over the seeds of each original and depth. */
export function meansTable(runs: readonly ChainRun[]): string {
  const of = (runs: readonly ChainRun[], figure: (run: ChainRun) => number) =>
    mean(runs.map(figure));
  const time = (runs: readonly ChainRun[], batch: "batch1" | "batch64") =>
    of(runs, (run) => ratio(run, batch)).toFixed(2);
  return table(
    grouped(runs, ({ name, depth }) => `${name} ${depth}`),
    [
      ["original", ([first]) => titles[first!.name] ?? first!.name],
      ["convolutions", ([first]) => `${first!.original.convolutions} → ${first!.depth}`],
      ["accuracy of the original", (runs) => percent(of(runs, (run) => run.original.accuracy))],
      ["of the chain", (runs) => percent(of(runs, (run) => run.obfuscated.accuracy))],
      ["points", (runs) => hundredths(of(runs, gain))],
      ["agreement", (runs) => percent(of(runs, (run) => run.verify.agreement))],
      ["time, batch 1", (runs) => time(runs, "batch1")],
      ["batch 64", (runs) => time(runs, "batch64")],
      ["epochs", (runs) => [...new Set(runs.map(({ epochs }) => epochs))].join(", ")],
      ["seeds", (runs) => runs.length],
    ],
  );
}

/** Runs on large images, and the memory that they took. */
export function largeTable(runs: readonly ChainRun[]): string {
  return table(runs, [
    ...run,
    ["epochs", ({ epochs }) => epochs],
    minutes,
    ["peak memory", ({ peakMemoryBytes }) => bytes(peakMemoryBytes ?? Number.NaN)],
    accuracy,
    macs,
    latencyOfOne,
  ]);
}

/** A fraction of 1 as percent; nothing where there is none. */
export function optionalPercent(fraction: number | undefined): string {
  return fraction === undefined ? "" : percent(fraction);
}

/** A difference of two fractions of 1 in hundredths, with its sign. */
function hundredths(difference: number): string {
  const rounded = (100 * difference).toFixed(2);
  return difference > 0 ? `+${rounded}` : rounded;
}

/** Points of accuracy that the chain has more than its original. */
export function gain({ original, obfuscated }: ChainRun): number {
  return obfuscated.accuracy - original.accuracy;
}

function both({ original, obfuscated }: ChainRun, show: (figures: Figures) => string): string {
  return `${show(original)} → ${show(obfuscated)}`;
}

function latency(run: ChainRun, batch: "batch1" | "batch64"): string {
  const shown = both(run, ({ latencyMs }) => milliseconds(latencyMs[batch]));
  return `${shown} (${ratio(run, batch).toFixed(2)})`;
}

function ratio({ original, obfuscated }: ChainRun, batch: "batch1" | "batch64"): number {
  return obfuscated.latencyMs[batch] / original.latencyMs[batch];
}
