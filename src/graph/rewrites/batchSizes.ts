// Sizes whose first is the batch size of a tensor, computed when the graph runs.
import { int } from "../attributes.ts";
import type { GraphEdit } from "../edit.ts";
import type { Node } from "../graph.ts";
import { operation } from "../operation.ts";

interface BatchSizesOptions {
  /** The sizes behind the batch size. */
  readonly rest: readonly number[];
  readonly output: string;
  /** Gets the constants that the nodes read. */
  readonly edit: GraphEdit;
}

/** Nodes that compute `output`, an int64 list: the batch size of `tensor`, then the sizes `rest`. */
export function batchSizes(
  tensor: string,
  { rest, output, edit }: BatchSizesOptions,
): readonly Node[] {
  const [shape, batch] = [edit.name(`${output}.shape`), edit.name(`${output}.batch`)];
  const first = edit.integers(`${output}.first`, [0]);
  const others = edit.integers(`${output}.rest`, rest);
  return [
    operation("Shape", [tensor], shape),
    operation("Gather", [shape, first], batch, { axis: int(0) }),
    operation("Concat", [batch, others], output, { axis: int(0) }),
  ];
}
