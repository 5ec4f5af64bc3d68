// The documents with their tables made anew. A place `<!-- table: KIND ARGUMENT -->` is filled by the table
// of that kind.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { count, percent } from "../../src/numbers.ts";
import { ofSeries, type Records, root } from "../records/records.ts";
import { ablationTable } from "./ablations.ts";
import { attackTable, exposureTable, headStartTable } from "./attacks.ts";
import {
  amxTable,
  convolutionTable,
  dataTable,
  memoryTable,
  overheadTable,
  trainTable,
} from "./bench.ts";
import { commandsOf } from "./commands.ts";
import { fewImagesTable } from "./fewImages.ts";
import { logbookTable, observationTable } from "./logbook.ts";
import { fillTables, table } from "./markdown.ts";
import { exportTable, operatorTables, otherExportTable } from "./operators.ts";
import { quantizerTable } from "./quantizers.ts";
import { resistanceTable } from "./resistance.ts";
import { accuracyTable, costTable, largeTable, meansTable } from "./runs.ts";

const benchmarks = {
  train: trainTable,
  overhead: overheadTable,
  memory: memoryTable,
  data: dataTable,
  convolution: convolutionTable,
  amx: amxTable,
  quantizers: quantizerTable,
} as const;

const kinds: Readonly<Record<string, (records: Records, argument: string) => string>> = {
  accuracy: ({ results }, series) => accuracyTable(ofSeries(results, series)),
  cost: ({ results }, series) => costTable(ofSeries(results, series)),
  means: ({ results }, series) => meansTable(ofSeries(results, series)),
  large: ({ results }, series) => largeTable(ofSeries(results, series)),
  commands: ({ results }, series) =>
    commandsOf(
      ofSeries(results, series).filter(({ seed }) => seed === 0),
      ({ name, depth }) => `${name}, depth ${depth}`,
    ),
  examples: ({ examples }) => exampleTable(examples),
  training: ({ examples }) => commandsOf(examples, ({ name }) => name),
  ablations: ({ ablations }) => ablationTable(ablations),
  "few-images": ({ fewImages }) => fewImagesTable(fewImages),
  attacks: ({ attacks }, kind) => attackTable(ofSeries(attacks, kind)),
  "head-starts": ({ attacks }, kind) => headStartTable(ofSeries(attacks, kind)),
  exposures: ({ exposures }, series) => exposureTable(ofSeries(exposures, series)),
  tuning: logbookTable,
  observations: observationTable,
  resistance: ({ resistance }, series) => resistanceTable(ofSeries(resistance, series)),
  bench: ({ bench }, series) =>
    benchmarks[series as keyof typeof benchmarks](ofSeries(bench, series)),
  operators: () => operatorTables(),
  exports: ({ exports }) => exportTable(exports),
  "other-exports": ({ exports }) => otherExportTable(exports),
};

/** The table of a place by its name, such as "bench train"; throws an Error where there is none of that name. */
export function tableOf(records: Records, name: string): string {
  const [kind = "", argument = ""] = name.split(" ");
  const make = kinds[kind];
  if (make) return make(records, argument);
  throw new Error(
    `expected a kind of table, one of ${Object.keys(kinds).join(", ")}; received "${name}"`,
  );
}

/**
 * README.md, those of docs/ and the one of examples/, by their paths in the repository, as they are to be; and the
 * records of resistance, which stand beside their document.
 */
export function documents(records: Records): Map<string, string> {
  const names = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const texts = ["README.md", "examples/README.md", ...names.map((name) => `docs/${name}`)];
  const filled = texts.map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return [path, fillTables(text, (name) => tableOf(records, name))] as const;
  });
  const lines = records.resistance.map((record) => `${JSON.stringify(record)}\n`);
  return new Map([...filled, ["docs/resistance.jsonl", lines.join("")]]);
}

function exampleTable(models: Records["examples"]): string {
  return table(models, [
    ["file", ({ name }) => `[${name}](${name})`],
    ["architecture", ({ architecture }) => architecture],
    ["parameters", ({ parameters }) => count(parameters)],
    ["accuracy", ({ accuracy }) => percent(accuracy)],
    ["minutes", ({ seconds }) => (seconds / 60).toFixed(0)],
  ]);
}
