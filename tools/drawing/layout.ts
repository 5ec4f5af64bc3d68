// Where the boxes of a diagram stand: a row for each step of the longest path, which runs straight down; what
// stands beside it on the same row moves to the right.
import type { Box } from "../../src/graph/diagram.ts";

export interface Place {
  readonly row: number;
  /** 0 on the longest path. */
  readonly column: number;
}

/** The place of each box. */
export function layOut(boxes: readonly Box[]): Place[] {
  const rows: number[] = [];
  for (const { from } of boxes) rows.push(Math.max(-1, ...from.map((i) => rows[i]!)) + 1);
  const path = new Set<number>();
  for (let at = boxes.length - 1; at >= 0; ) {
    path.add(at);
    at = boxes[at]!.from.find((i) => rows[i] === rows[at]! - 1) ?? -1;
  }
  return boxes.map((_, box) => {
    const row = rows[box]!;
    const beside = rows.filter((other, i) => other === row && i < box && !path.has(i));
    return { row, column: path.has(box) ? 0 : beside.length + 1 };
  });
}
