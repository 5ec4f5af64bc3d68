// The table of ways to make a chain a bad start.
import { percent } from "../../src/numbers.ts";
import type { ResistanceRecord } from "../records/records.ts";
import { table } from "./markdown.ts";

const judges = { "held-out": "held-out images", test: "test images", search: "others" } as const;

/** Accuracy on the own task and the pirate's head start, way by way. */
export function resistanceTable(records: readonly ResistanceRecord[]): string {
  const of = ({ arms }: ResistanceRecord, name: string) => arms.find(({ arm }) => arm === name)!;
  return table(records, [
    ["way", ({ name }) => name],
    ["depth", ({ depth }) => depth],
    ["epochs", ({ epochs, start }) => (start ? `${epochs} more` : epochs)],
    ["accuracy", ({ accuracy }) => percent(accuracy)],
    ["the pirate", (record) => pirateOf(of(record, "obfuscated"))],
    ["reaches", (record) => percent(of(record, "obfuscated").mean)],
    ["from random weights", (record) => percent(of(record, "obfuscated-scratch").mean)],
    ["head start, points", ({ headStart }) => headStart[0]!.obfuscated.mean.toFixed(1)],
    ["of the original", ({ headStart }) => headStart[0]!.original.mean.toFixed(1)],
    ["judged by", ({ pirate }) => judges[pirate.judges]],
    ["seed", ({ seed }) => seed],
  ]);
}

function pirateOf({ method, optimizer, learningRate }: ResistanceRecord["arms"][number]): string {
  return `${method}, ${optimizer} ${learningRate}`;
}
