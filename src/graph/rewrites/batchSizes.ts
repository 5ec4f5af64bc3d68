// Sizes whose first is the batch size of a tensor, computed when the graph runs.
import { int } from "../attributes.ts";
import type { Node, TensorData } from "../graph.ts";
import { operation } from "../operation.ts";
import { fromNumbers } from "../tensorData.ts";

/** Nodes that compute sizes, and the constants that they read, by name. */
export interface BatchSizes {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, TensorData>;
}

/** Computes `output`, an int64 list: the batch size of `tensor`, then the sizes `rest`. */
export function batchSizes(tensor: string, rest: readonly number[], output: string): BatchSizes {
  const name = (part: string) => `${output}.${part}`;
  const constants = new Map([
    [name("first"), fromNumbers("int64", [1], [0])],
    [name("rest"), fromNumbers("int64", [rest.length], rest)],
  ]);
  const nodes = [
    operation("Shape", [tensor], name("shape")),
    operation("Gather", [name("shape"), name("first")], name("batch"), { axis: int(0) }),
    operation("Concat", [name("batch"), name("rest")], output, { axis: int(0) }),
  ];
  return { nodes, constants };
}
