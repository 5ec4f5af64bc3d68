// The documents: their tables are those that the records give.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ablationTable } from "../../tools/documents/ablations.ts";
import { documents, tableOf } from "../../tools/documents/documents.ts";
import { logbookTable, observationTable } from "../../tools/documents/logbook.ts";
import { fillTables, table } from "../../tools/documents/markdown.ts";
import { accuracyTable, costTable, largeTable, meansTable } from "../../tools/documents/runs.ts";
import { type Records, readRecords, root } from "../../tools/records/records.ts";
import { cells, chainRun } from "./runs.ts";

const records = readRecords();

test("every document is up to date: where one is not, npm run results writes it", () => {
  const written = documents(records);
  expect([...written.keys()]).toContain("docs/results.md");
  for (const [path, expected] of written)
    expect(readFileSync(join(root, path), "utf8"), path).toBe(expected);
});

test("every record stands in a document", () => {
  const places = [...documents(records).values()].flatMap((text) =>
    Array.from(text.matchAll(/^<!-- table: (.*?) -->/gm), ([, name]) => name),
  );
  const wanted = new Set([
    ...records.results.map(({ series }) => (series === "large" ? "large large" : `cost ${series}`)),
    ...["ablations", "few-images", "examples", "exports", "other-exports", "operators"],
    "means cifar10",
    ...records.tuning.map(({ series }) => `tuning ${series}`),
    ...records.attacks.flatMap(({ series }) => [`attacks ${series}`, `head-starts ${series}`]),
    ...records.exposures.map(({ series }) => `exposures ${series}`),
    ...records.resistance.map(({ series }) => `resistance ${series}`),
    ...records.bench.map(({ series }) => `bench ${series}`),
    ...records.observations.map(({ series }) => `observations ${series}`),
  ]);
  expect(places).toEqual(expect.arrayContaining([...wanted]));
});

test("the figures of every run, and their means over seeds", () => {
  const runs = [chainRun(), chainRun({ seed: 10, accuracy: 0.91, batch1: 0.3 })];
  const name = (seed: string) => ["resnet20", "5", seed];
  const common = ["16", "6.6", "cpu, bf16"];
  expect(cells(accuracyTable(runs)).slice(1)).toEqual([
    [...name("0"), ...common, "90.00 % → 89.00 %", "-1.00", "90.26 %", "7.12 %"],
    [...name("10"), ...common, "90.00 % → 91.00 %", "+1.00", "90.26 %", "7.12 %"],
  ]);
  expect(cells(costTable(runs)).slice(1)).toEqual(
    ["0", "10"].map((seed) => [
      ...[...name(seed), "269 k → 262 k", "40.6 M → 21.1 M", "19 → 5"],
      `0.500 ms → ${seed === "0" ? "0.250 ms (0.50)" : "0.300 ms (0.60)"}`,
      ...["20.0 ms → 8.00 ms (0.40)", "1.09 MB → 1.05 MB", "`0123456789ab`"],
    ]),
  );
  const means = ["90.00 %", "90.00 %", "0.00", "90.26 %", "0.55", "0.40"];
  expect(cells(meansTable(runs)).slice(1)).toEqual([["ResNet-20", "19 → 5", ...means, "16", "2"]]);
});

test("runs with large images, and what they took", () => {
  expect(cells(largeTable([chainRun()]))[1]).toEqual([
    ...["resnet20", "5", "0", "16", "6.6", "2.50 GB", "90.00 % → 89.00 %", "40.6 M → 21.1 M"],
    "0.500 ms → 0.250 ms (0.50)",
  ]);
});

test("ablations by original, depth and epochs, with means, deviations, seconds and what judged them", () => {
  const options = " --hold-out 5000";
  const series = "resnet20";
  const rows = cells(
    ablationTable([
      chainRun({ series, name: "sgd", accuracy: 0.88, options, logitError: 0.07, seconds: 100 }),
      chainRun({
        series,
        name: "sgd",
        accuracy: 0.9,
        seed: 1,
        options,
        logitError: 0.09,
        seconds: 121,
      }),
      chainRun({ series, name: "direct", accuracy: 0.895, epochs: 3, note: "former rule" }),
    ]),
  );
  const title = ["original", "depth", "epochs", "variant", "seeds", "judged by"];
  expect(rows[0]?.slice(0, 6)).toEqual(title);
  expect(rows.slice(1)).toEqual([
    [
      ...[series, "5", "3", "direct", "0", "test set", "90.00 %", "89.50 %", "-"],
      ...["7.12 %", "-", "396", "former rule"],
    ],
    [
      ...[series, "5", "16", "sgd", "0, 1", "5000 held out", "90.00 %", "89.00 %", "1.41 %"],
      ...["8.00 %", "1.41 %", "111", ""],
    ],
  ]);
});

test("the logbook names the options that not all runs of a series have", () => {
  const tuning = [
    chainRun({ series: "a", name: "wide", options: " --max-macs 9 --flip --cutout 0" }),
    chainRun({ series: "a", name: "narrow", options: " --flip --overparameterized none", seed: 1 }),
    chainRun({ series: "b", name: "other", options: " --crop 4" }),
  ];
  const rows = cells(logbookTable({ ...records, tuning }, "a"));
  expect(rows.map((row) => row.slice(0, 6))).toEqual([
    ["run", "seed", "original", "depth", "epochs", "options that not all have"],
    ["wide", "0", "m", "5", "16", "`--max-macs 9`"],
    ["narrow", "1", "m", "5", "16", ""],
  ]);
  expect(() => logbookTable({ ...records, tuning }, "c")).toThrow(
    "expected the name of a series, one of a, b; received c",
  );
});

test("rows noted by hand keep their titles in order", () => {
  const observations = [
    { series: "a", row: { change: "x", f32: "1 %" } },
    { series: "a", row: { change: "y", bf16: "2 %" } },
  ];
  expect(cells(observationTable({ ...records, observations }, "a"))).toEqual([
    ["change", "f32", "bf16"],
    ["x", "1 %", ""],
    ["y", "", "2 %"],
  ]);
});

test("a column that is empty in every row is left out", () => {
  const text = table(
    ["a", "b"],
    [
      ["letter", (letter) => letter],
      ["nothing", () => ""],
    ],
  );
  expect(text).toBe("| letter |\n| --- |\n| a |\n| b |");
});

test("places are filled, however often, and one without an end or of an unknown kind is refused", () => {
  const fill = (name: string) => `table of ${name}`;
  const once = fillTables("a\n<!-- table: bench x -->\n<!-- end of table -->\nb", fill);
  expect(once).toBe("a\n<!-- table: bench x -->\n\ntable of bench x\n\n<!-- end of table -->\nb");
  expect(fillTables(once, fill)).toBe(once);
  expect(() => fillTables("<!-- table: x -->\n", fill)).toThrow("expected an end to each of 1");
  expect(() => tableOf({} as Records, "pie x")).toThrow("expected a kind of table, one of");
});
