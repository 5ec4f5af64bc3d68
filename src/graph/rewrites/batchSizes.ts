// Sizes whose first is the batch size of a tensor, computed when the graph runs.
import { int } from "../attributes.ts";
import type { FreshNames } from "../freshNames.ts";
import type { Node, TensorData } from "../graph.ts";
import { operation } from "../operation.ts";
import { fromNumbers } from "../tensorData.ts";

interface BatchSizesOptions {
  /** The sizes behind the batch size. */
  readonly rest: readonly number[];
  readonly output: string;
  readonly names: FreshNames;
  /** Where the constants go that the nodes read. */
  readonly initializers: Map<string, TensorData>;
}

/** Nodes that compute `output`, an int64 list: the batch size of `tensor`, then the sizes `rest`. */
export function batchSizes(
  tensor: string,
  { rest, output, names, initializers }: BatchSizesOptions,
): readonly Node[] {
  const name = (part: string) => names.next(`${output}.${part}`);
  const constant = (part: string, values: readonly number[]) => {
    const free = name(part);
    initializers.set(free, fromNumbers("int64", [values.length], values));
    return free;
  };
  const [shape, batch] = [name("shape"), name("batch")];
  return [
    operation("Shape", [tensor], shape),
    operation("Gather", [shape, constant("first", [0])], batch, { axis: int(0) }),
    operation("Concat", [batch, constant("rest", rest)], output, { axis: int(0) }),
  ];
}
