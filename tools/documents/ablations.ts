// The table of ablations: what each part of the method gives, at equal epochs and beside what it costs.
import { deviation, mean } from "../../src/averages.ts";
import { percent } from "../../src/numbers.ts";
import { type ChainRun, heldOut } from "../records/records.ts";
import { type Column, grouped, table } from "./markdown.ts";

const keys = ["series", "depth", "epochs"] as const;

/** Means and deviations over the seeds of each original, depth, number of epochs and variant. */
export function ablationTable(runs: readonly ChainRun[]): string {
  const groups = grouped(runs, (run) =>
    JSON.stringify([...keys.map((key) => run[key]), heldOut(run), run.name]),
  );
  return table(
    groups.toSorted(([a], [b]) => compare(a!, b!)),
    columns,
  );
}

const accuracyOf = (run: ChainRun) => run.obfuscated.accuracy;
const logitErrorOf = (run: ChainRun) => run.verify.logitError ?? Number.NaN;

const columns: readonly Column<readonly ChainRun[]>[] = [
  ["original", ([first]) => first!.series],
  ["depth", ([first]) => first!.depth],
  ["epochs", ([first]) => first!.epochs],
  ["variant", ([first]) => first!.name],
  ["seeds", (runs) => runs.map(({ seed }) => seed).join(", ")],
  ["judged by", ([first]) => (heldOut(first!) ? `${heldOut(first!)} held out` : "test set")],
  ["accuracy of the original", (runs) => percent(mean(runs.map((run) => run.original.accuracy)))],
  ["of the chain", (runs) => percent(mean(runs.map(accuracyOf)))],
  ["±", (runs) => spread(runs.map(accuracyOf))],
  ["logits off by", (runs) => percent(mean(runs.map(logitErrorOf)))],
  ["±", (runs) => spread(runs.map(logitErrorOf))],
  ["seconds", (runs) => mean(runs.map(({ seconds }) => seconds)).toFixed(0)],
  ["note", (runs) => runs.find(({ note }) => note)?.note ?? ""],
];

function spread(values: readonly number[]): string {
  const value = deviation(values);
  return value === null ? "-" : percent(value);
}

function compare(a: ChainRun, b: ChainRun): number {
  return (
    a.series.localeCompare(b.series, "en", { numeric: true }) ||
    a.depth - b.depth ||
    a.epochs - b.epochs
  );
}
