// Reads quantized networks as the float networks that they stand for, whichever way a quantizer wrote
// them: QuantizeLinear and DequantizeLinear around float operators, operators on quantized tensors
// (QLinearConv and its like, those of ONNX Runtime too), or quantization on the fly.
// https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
import type { Graph } from "../graph.ts";
import { Dequantization } from "./dequantization.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { removeIdentities } from "./identities.ts";
import { quantizedOperators } from "./quantizedOperators.ts";
import { readFloats } from "./wholeNumbers.ts";

/**
 * The graph in floats: weights become floats of their scale's type, activations keep the values that their whole
 * numbers stand for. Rounding is gone. Clipping to the greatest and least number is gone, too, but where it cuts off
 * what is negative, or is all that lies between two layers: quantizers drop the ReLU, or another Clip, before it. The
 * graph itself where nothing is quantized.
 */
export function dequantize(graph: Graph): Graph {
  if (!graph.nodes.some((node) => quantizedOperators.has(node.operator))) return graph;
  const rewriting = new Dequantization(removeIdentities(graph));
  for (const node of rewriting.graph.nodes) {
    const rule = ["", "com.microsoft"].includes(node.domain)
      ? quantizedOperators.get(node.operator)
      : undefined;
    if (!rule?.(node, rewriting) && !readFloats(node, rewriting)) rewriting.pass(node);
  }
  return eliminateDeadNodes(removeIdentities(rewriting.result()));
}
