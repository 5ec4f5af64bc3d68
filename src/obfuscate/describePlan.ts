// The plan of the chain as text, so that a long training is not begun on the wrong one.
import { layerCosts, type Plan } from "./plan.ts";

/**
 * A table with a row a convolution: its window, what it gives at batch 1 and what that costs, and up to
 * which tensor of the original the chain then is. Below it the cost of all, beside the original extractor's.
 */
export function describePlan(
  plan: Plan,
  { boundary, macs }: { readonly boundary: string; readonly macs: number },
): string {
  const costs = layerCosts(plan.input, plan.layers);
  const ends = [...plan.cuts, boundary];
  const rows = plan.layers.map(({ outputs, kernel, stride, pool }, i) => [
    String(i + 1),
    kernel.join("×"),
    stride.join("×"),
    pool ? "2×2" : "-",
    [outputs, ...costs[i]!.size].join("×"),
    millions(costs[i]!.macs),
    ends[i] === null ? "" : `to ${JSON.stringify(ends[i])}`,
  ]);
  const header = ["conv", "kernel", "stride", "pool", "output", "MACs", "of the original"];
  const share = Math.round((100 * plan.macs) / macs);
  return (
    `${align([header, ...rows])}\n` +
    `in all ${millions(plan.macs)} MACs, ${share} % of the ${millions(macs)} of the original's extractor`
  );
}

function millions(macs: number): string {
  return `${(macs / 1e6).toFixed(2)} M`;
}

/** Columns aligned to the right, the last one, which holds names, to the left. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const last = widths.length - 1;
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === last ? cell : cell.padStart(widths[column]!))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
