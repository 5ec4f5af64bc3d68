// The table of chains that learned from few images.
import { mean } from "../../src/averages.ts";
import { percent } from "../../src/numbers.ts";
import type { FewImagesRun } from "../records/records.ts";
import { grouped, table } from "./markdown.ts";

/** Means over the seeds by the number of the task's images and by what made up for the others. */
export function fewImagesTable(runs: readonly FewImagesRun[]): string {
  const groups = grouped(runs, ({ series, images, name }) =>
    JSON.stringify([series, images, name]),
  );
  return table(
    groups.toSorted(([a], [b]) => a!.series.localeCompare(b!.series) || a!.images - b!.images),
    [
      ["original", ([first]) => first!.series],
      ["images of the task", ([first]) => first!.images],
      ["from elsewhere", ([first]) => first!.elsewhere],
      ["variant", ([first]) => first!.name],
      ["seeds", (each) => each.map(({ seed }) => seed).join(", ")],
      [
        "accuracy of the original",
        (each) => percent(mean(each.map((run) => run.original.accuracy))),
      ],
      ["of the chain", (each) => percent(mean(each.map((run) => run.obfuscated.accuracy)))],
      ["agreement", (each) => percent(mean(each.map((run) => run.verify.agreement)))],
      [
        "logits off by",
        (each) => percent(mean(each.map((run) => run.verify.logitError ?? Number.NaN))),
      ],
      ["seconds", (each) => mean(each.map(({ seconds }) => seconds)).toFixed(0)],
    ],
  );
}
