// Where the range of whole numbers is a network's nonlinearity: quantizers drop a Clip that it does the work of.
import type { Node } from "../graph.ts";

const layers = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/** Operators whose results are sums of what they read. */
const summing = new Set([...layers, "Add", "BatchNormalization", "Sub", "Sum"]);

/** Operators that pass on, arrange or add up what they read. */
const passing = new Set([
  ...["Add", "AveragePool", "BatchNormalization", "Concat", "DepthToSpace", "DequantizeLinear"],
  ...["Dropout", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "Identity", "MaxPool", "Pad"],
  ...["QuantizeLinear", "ReduceMean", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split"],
  ...["Squeeze", "Sub", "Sum", "Transpose", "Unsqueeze", "Upsample"],
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
      if (!passing.has(operator) || isCut(node)) continue;
      for (const output of node.outputs) reached.add(output);
    }
  }
  return false;
}
