// Tables of attacks, and of what files tell of their originals.
import { mean as average } from "../../src/averages.ts";
import { percent, withDeviation } from "../../src/numbers.ts";
import type { AttackRun, ExposureRecord } from "../records/records.ts";
import { type Column, table } from "./markdown.ts";

/** What each starting point reaches, by network, budget and method. */
export function attackTable(runs: readonly AttackRun[]): string {
  const rows = runs.flatMap(({ name, epochs, arms }) =>
    arms.map((arm) => ({ name, epochs, ...arm })),
  );
  const means = (values: readonly number[] | undefined) => (values ? percent(average(values)) : "");
  const columns: readonly Column<(typeof rows)[number]>[] = [
    ["network", ({ name }) => name],
    ["budget", ({ budget }) => budget],
    ["epochs", ({ epochs }) => epochs],
    ["starts from", ({ arm }) => arm],
    ["method", ({ method }) => method],
    [
      "accuracy",
      ({ mean, deviation }) => withDeviation({ mean: 100 * mean, deviation: scaled(deviation) }),
    ],
    ["on old classes", ({ oldAccuracies }) => means(oldAccuracies)],
    ["on new classes", ({ newAccuracies }) => means(newAccuracies)],
    ["optimizer, rate", ({ optimizer, learningRate }) => `${optimizer}, ${learningRate}`],
    ["seeds", ({ accuracies }) => accuracies.length],
  ];
  return table(rows, columns);
}

/** The head starts in points, by network and budget: of an extraction by the architecture that learned. */
export function headStartTable(runs: readonly AttackRun[]): string {
  const isExtraction = runs.some(({ kind }) => kind === "extraction");
  const [original, shipped] = isExtraction
    ? ["answers over labels in the original's architecture, points", "in the chain's"]
    : ["head start of the original, points", "of the shipped file"];
  const rows = runs.flatMap(({ name, headStart }) => headStart.map((each) => ({ name, ...each })));
  return table(rows, [
    ["network", ({ name }) => name],
    ["budget", ({ budget }) => budget],
    [original, (row) => withDeviation(row.original)],
    [shipped, (row) => withDeviation(row.obfuscated)],
  ]);
}

/** What each file tells of its original. */
export function exposureTable(records: readonly ExposureRecord[]): string {
  return table(records, [
    ["file", ({ name }) => name],
    ["layers that differ", ({ exposure }) => percent(exposure.layerEditDistance)],
    ["similarity of the graphs", ({ exposure }) => exposure.graphSimilarity.toFixed(2)],
    ["shared names", ({ exposure }) => exposure.sharedNames],
    ["shared remarks", ({ exposure }) => exposure.sharedMetadata],
    ["shared weights", ({ exposure }) => exposure.sharedWeights],
    ["up to order and scale", ({ exposure }) => exposure.sharedWeightsUpToScale],
    ["largest alignment of a layer", ({ exposure: { cka } }) => (cka ? largest(cka.values) : "")],
  ]);
}

function scaled(deviation: number | null): number | null {
  return deviation === null ? null : 100 * deviation;
}

function largest(values: readonly (readonly number[])[]): string {
  return Math.max(...values.flat()).toFixed(3);
}
