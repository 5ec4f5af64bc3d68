// Where the range of whole numbers is a network's nonlinearity: quantizers drop a Clip that it does the work of.
import type { Node } from "../graph.ts";
import { layers, moving, passing, pooling, reshaping } from "../traits.ts";

/** Operators whose results are sums of what they read. */
const summing = new Set([...layers, "Add", "BatchNormalization", "Sub", "Sum"]);

/** Operators that pass on, arrange or add up what they read. */
const carrying = new Set([
  ...[...passing, ...reshaping, ...moving, ...pooling],
  ...["Add", "BatchNormalization", "Concat", "DequantizeLinear", "Pad", "QuantizeLinear"],
  ...["ReduceMean", "Resize", "Sub", "Sum", "Upsample"],
]);

/** Whether a node adds up what it reads: no activation is in its result. */
export function isSum({ operator }: Node): boolean {
  return summing.has(operator);
}

/** Whether a layer reads a quantized tensor with no nonlinearity before it; `isCut` tells where a ReLU was dropped. */
export function feedsLayer(
  tensor: string,
  {
    readers,
    isCut,
  }: { readers: ReadonlyMap<string, readonly Node[]>; isCut: (node: Node) => boolean },
): boolean {
  const reached = new Set([tensor]);
  for (const name of reached) {
    for (const node of readers.get(name) ?? []) {
      const operator = node.operator.replace(/^(QLinear|Q|Nhwc)(?=[A-Z])/, "");
      if (layers.has(operator)) return true;
      if (!carrying.has(operator) || isCut(node)) continue;
      for (const output of node.outputs) reached.add(output);
    }
  }
  return false;
}
