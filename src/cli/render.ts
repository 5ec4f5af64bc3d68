// Tables and numbers as people read them.

import type { DataFacts } from "../data/index.ts";
import { largest } from "../lists.ts";
import { counted } from "../text.ts";
import { printable } from "./printable.ts";

/** Rows of cells as aligned text: to the right, but for the first column where it holds names. */
export function renderTable(
  rows: readonly (readonly string[])[],
  { align = "names" }: { align?: "names" | "right" } = {},
): string {
  const cells = rows.map((row) => row.map(printable));
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
  return rows.map(([name, value]) => `${name.padEnd(width)}   ${printable(value)}`).join("\n");
}

/** A line on what there is to learn from and to judge by, and one for each note. */
export function dataLine({ training, extra, test, shape, classes, notes = [] }: DataFacts): string {
  const kinds =
    classes === undefined ? "without labels" : `in ${counted(classes, "class", "classes")}`;
  const elsewhere = extra ? ` (${extra} of them from elsewhere)` : "";
  const counts = `${counted(training, "image")} to learn from${elsewhere} and ${test} to judge by`;
  const summary = `${counts}, of ${shape.join("×")} ${kinds}`;
  return [summary, ...notes.map((note) => `Note: ${note}`)].join("\n");
}

/** A count with three digits that matter, such as `1.23 M`. */
export function count(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return unit === 0 ? String(value) : `${threeDigits(scaled)}${units[unit]}`;
}

/** Bytes, such as `1.23 MB`. */
export function bytes(value: number): string {
  return value < 1000 ? `${value} B` : `${count(value)}B`;
}

/** A fraction of 1 as `93.39 %`; an accuracy without labels is not known. */
export function percent(fraction: number): string {
  return !Number.isFinite(fraction) ? "unknown" : `${(100 * fraction).toFixed(2)} %`;
}

export function milliseconds(value: number): string {
  return `${threeDigits(value)} ms`;
}

/** A small number, such as `1.2e-6`. */
export function tiny(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/** The time of day as `14:35`. */
export function clock(time: Date): string {
  return [time.getHours(), time.getMinutes()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** Values as a row of eight heights, such as `█▅▃▂▁`; the last `most` of them. */
export function sparkline(values: readonly number[], most = 24): string {
  const shown = values.slice(-most).filter(Number.isFinite);
  const [least, greatest] = [-largest(shown.map((value) => -value)), largest(shown)];
  const span = greatest - least || 1;
  return shown.map((value) => "▁▂▃▄▅▆▇█"[Math.round((7 * (value - least)) / span)]!).join("");
}

function threeDigits(value: number): string {
  return value >= 999.5 || value === 0 ? value.toFixed(0) : value.toPrecision(3);
}
