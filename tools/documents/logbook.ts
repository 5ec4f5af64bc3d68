// The tables of docs/logbook.md: every record of tuning, by series, and rows that were noted by hand.
import { count, percent } from "../../src/numbers.ts";
import { differences, optionsOf, originalOf } from "../records/commands.ts";
import {
  type ChainRun,
  isChain,
  ofSeries,
  type Records,
  type ReferenceRun,
} from "../records/records.ts";
import { type Column, table } from "./markdown.ts";
import { optionalPercent } from "./runs.ts";

/** Options that say nothing of a result, or stand in a column of their own. */
const apart = ["--out", "--seed", "--threads", "--checkpoint-seconds", "--depth", "--epochs"];

interface Row {
  readonly run: ChainRun | ReferenceRun;
  /** The options in which it differs from others of its series. */
  readonly options: string;
}

/** The runs of a series of tuning; throws an Error where there is none. */
export function logbookTable(records: Records, series: string): string {
  const runs = ofSeries(records.tuning, series);
  const options = differences(
    runs.map(({ command }) => command),
    apart,
  );
  const rows = runs.map((run, i): Row => ({ run, options: options[i]! }));
  return table(rows, columns);
}

/** The rows of a series that were noted by hand; throws an Error where there is none. */
export function observationTable(records: Records, series: string): string {
  const rows = ofSeries(records.observations, series).map(({ row }) => row);
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return table(
    rows,
    titles.map((title) => [title, (row) => row[title] ?? ""] as const),
  );
}

const ofChain =
  (show: (run: ChainRun) => string | number): Column<Row>[1] =>
  ({ run }) =>
    isChain(run) ? show(run) : "";

const columns: readonly Column<Row>[] = [
  ["run", ({ run }) => run.name],
  ["seed", ({ run }) => run.seed],
  ["original", ({ run }) => originalOf(run.command)],
  ["depth", ofChain(({ depth }) => depth)],
  ["epochs", ({ run }) => run.epochs],
  ["options that not all have", ({ options }) => (options === "" ? "" : `\`${options}\``)],
  ["MACs", ({ run }) => count(isChain(run) ? run.obfuscated.macs : run.macs)],
  ["accuracy", ({ run }) => percent(isChain(run) ? run.obfuscated.accuracy : run.accuracy)],
  ["of the original", ofChain(({ original }) => percent(original.accuracy))],
  ["agreement", ofChain(({ verify }) => percent(verify.agreement))],
  ["logits off by", ofChain(({ verify }) => optionalPercent(verify.logitError))],
  ["on learned images", ofChain(({ verify }) => optionalPercent(verify.trainingLogitError))],
  ["trained in", ({ run }) => `${run.precision}, ${threads(run.command)}`],
  ["seconds", ({ run }) => run.seconds.toFixed(0)],
  ["note", ({ run }) => run.note ?? ""],
];

function threads(command: string): string {
  const number = optionsOf(command).get("--threads") ?? "?";
  return number === "1" ? "1 thread" : `${number} threads`;
}
