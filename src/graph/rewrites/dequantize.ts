// Reads quantized networks as the float networks that they stand for, whichever way a quantizer wrote
// them: QuantizeLinear and DequantizeLinear around float operators, operators on quantized tensors
// (QLinearConv and its like, those of ONNX Runtime too), or quantization on the fly.
// https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
import { Budget } from "../budget.ts";
import type { Graph } from "../graph.ts";
import { constantFacts, inferNode } from "../shapes.ts";
import { Dequantization } from "./dequantization.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { removeIdentities } from "./identities.ts";
import { quantizedOperators } from "./quantizedOperators.ts";
import { readFloats } from "./wholeNumbers.ts";

/**
 * The graph in floats: weights become floats of their scale's type, rounded where the graph rounds them. Activations
 * keep the values that their whole numbers stand for. Their rounding is gone. Clipping to the greatest and least number
 * is gone, too, but where it cuts off what is negative, or is all that lies between two layers: quantizers drop the
 * ReLU, or another Clip, before it. The graph itself where nothing is quantized.
 */
export function dequantize(graph: Graph): Graph {
  if (!graph.nodes.some((node) => quantizedOperators.has(node.operator))) return graph;
  const rewriting = new Dequantization(withKnownScales(removeIdentities(graph)));
  for (const node of rewriting.edit.graph.nodes) {
    const rule = ["", "com.microsoft"].includes(node.domain)
      ? quantizedOperators.get(node.operator)
      : undefined;
    if (!rule?.(node, rewriting) && !readFloats(node, rewriting)) rewriting.pass(node);
  }
  return eliminateDeadNodes(removeIdentities(rewriting.result()));
}

/** The graph with small constants computed that nodes make of others, as exporters write scales of trained quantizers. */
function withKnownScales(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const known = new Map([...initializers].map(([name, value]) => [name, constantFacts(value)]));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const budget = new Budget();
  const nodes = graph.nodes.filter((node) => {
    const isOfConstants = node.inputs.every((name) => name === "" || initializers.has(name));
    if (!isOfConstants || quantizedOperators.has(node.operator)) return true;
    inferNode(known, node, { opset: graph.opset, budget });
    const results = node.outputs.filter((name) => name !== "");
    if (results.some((name) => !known.get(name)?.value || outputs.has(name))) return true;
    for (const name of results) initializers.set(name, known.get(name)!.value!);
    return false;
  });
  return { ...graph, nodes, initializers };
}
