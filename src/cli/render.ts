// Tables and lists as people read them.

import type { DataFacts } from "../data/index.ts";
import { largest } from "../lists.ts";
import { counted, escapeInvisible } from "../text.ts";

/** Rows of cells as aligned text: to the right, but for the first column where it holds names. */
export function renderTable(
  rows: readonly (readonly string[])[],
  { align = "names" }: { align?: "names" | "right" } = {},
): string {
  const cells = rows.map((row) => row.map(escapeInvisible));
  const widths = cells.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  const isName = (column: number) => align === "names" && column === 0;
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (isName(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
  return cells.map((row) => line(row).join("   ").trimEnd()).join("\n");
}

/** Names and values below each other. */
export function renderList(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = largest(rows.map(([name]) => name.length));
  return rows
    .map(([name, value]) => `${name.padEnd(width)}   ${escapeInvisible(value)}`)
    .join("\n");
}

/** A line on what there is to learn from and to judge by, and one for each note. */
export function dataLine({ training, extra, test, shape, classes, notes = [] }: DataFacts): string {
  const kinds =
    classes === undefined ? "without labels" : `in ${counted(classes, "class", "classes")}`;
  const elsewhere = extra ? ` (${extra} of them from elsewhere)` : "";
  const counts = `${counted(training, "image")} to learn from${elsewhere} and ${test} to judge by`;
  const summary = `${counts}, of ${shape.join("×")} ${kinds}`;
  return [summary, ...notes.map((note) => `Note: ${escapeInvisible(note)}`)].join("\n");
}

/** Values as a row of eight heights, such as `█▅▃▂▁`; the last 24 of them. */
export function sparkline(values: readonly number[]): string {
  const shown = values.slice(-24).filter(Number.isFinite);
  const [least, greatest] = [-largest(shown.map((value) => -value)), largest(shown)];
  const span = greatest - least || 1;
  return shown.map((value) => "▁▂▃▄▅▆▇█"[Math.round((7 * (value - least)) / span)]!).join("");
}
