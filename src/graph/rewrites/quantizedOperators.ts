// What each quantized operator is in floats. Those that are not of ONNX are ONNX Runtime's:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
import { attribute } from "../attributes.ts";
import { elementCount, type Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { typeCodes } from "../typeCodes.ts";
import type { Dequantization } from "./dequantization.ts";
import { dequantizeValues, type Layout, quantizeValues, unitOf } from "./quantizedValues.ts";

/** Adds what a node stands for. False where that is not known, and the node stays as it is. */
type Rule = (node: Node, graph: Dequantization) => boolean;

/** Rules by operator. */
export const quantizedOperators: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    ConvInteger: (node, graph) => integerProduct(node, graph, "Conv"),
    DequantizeLinear: dequantizeLinear,
    DynamicQuantizeLinear: quantizeByRange,
    DynamicQuantizeMatMul: (node, graph) => {
      const [a = "", b = "", scale, zero, bias] = node.inputs;
      const weight = graph.float(b, graph.quantization(scale, zero), { axis: -1 });
      return weight !== undefined && product(node, graph, { a, b: weight, bias });
    },
    MatMulInteger: (node, graph) => integerProduct(node, graph, "MatMul"),
    MatMulIntegerToFloat: (node, graph) => {
      const [a = "", b = "", aScale, bScale, aZero, bZero, bias] = node.inputs;
      const left = graph.float(a, graph.quantization(aScale, aZero));
      const right = graph.float(b, graph.quantization(bScale, bZero), { axis: -1 });
      if (left === undefined || right === undefined) return false;
      return product(node, graph, { a: left, b: right, bias });
    },
    QGemm: gemm,
    QLinearAdd: (node, graph) => binary(node, graph, "Add"),
    QLinearAveragePool: unary,
    QLinearConcat: concat,
    QLinearConv: convolution,
    QLinearGlobalAveragePool: unary,
    QLinearLeakyRelu: unary,
    QLinearMatMul: (node, graph) => binary(node, graph, "MatMul"),
    QLinearMul: (node, graph) => binary(node, graph, "Mul"),
    QLinearSoftmax: unary,
    QuantizeLinear: quantizeLinear,
  }),
);

/** A constant becomes floats, and so does an input of whole numbers. */
function dequantizeLinear(node: Node, graph: Dequantization): boolean {
  const [x = "", scale = "", zero = ""] = node.inputs;
  const [output = ""] = node.outputs;
  const value = graph.constant(x);
  const by = graph.quantization(scale, zero);
  if (value && by) {
    graph.edit.set(output, dequantizeValues(value, by, layoutOf(node)));
    return true;
  }
  const floats = graph.float(x, by);
  if (floats === undefined) return false;
  graph.add(passOn(node, floats));
  return true;
}

/**
 * Weights are rounded, and cut off, as in the file: they were trained to be. Without a zero point the type is an
 * attribute, and uint8 where there is none either.
 */
function quantizeLinear(node: Node, graph: Dequantization): boolean {
  const [x = "", scale, zero] = node.inputs;
  const [output = ""] = node.outputs;
  const known = graph.quantization(scale, zero);
  if (!known) return false;
  const code = attribute(node, "output_dtype", "int") ?? 0;
  const isTold = !known.zero && code !== 0;
  const from = fromNumbers(typeCodes.get(code) ?? "int32", [], [0]);
  const by = isTold ? { ...known, zero: from } : known;
  const value = graph.constant(x);
  const rounded = value && quantizeValues(value, by, layoutOf(node));
  if (rounded) graph.edit.set(output, rounded);
  else if (graph.isOfConstants(x)) return false;
  else graph.quantize(x, output, by);
  return true;
}

function layoutOf(node: Node): Layout {
  return {
    axis: attribute(node, "axis", "int") ?? 1,
    block: attribute(node, "block_size", "int"),
  };
}

/** Of a range that is measured in each run, the scale becomes 1. */
function quantizeByRange(node: Node, graph: Dequantization): boolean {
  const [x = ""] = node.inputs;
  const [y = "", scale = "", zero = ""] = node.outputs;
  graph.edit.set(scale, fromNumbers("float32", [], [1]));
  graph.edit.set(zero, fromNumbers("uint8", [], [0]));
  graph.quantize(x, y, unitOf("float32"));
  return true;
}

/** A product of whole numbers, as they are: the weights make up for the scale of what they are multiplied with. */
function integerProduct(node: Node, graph: Dequantization, operator: string): boolean {
  const [a = "", b = "", ...zeros] = node.inputs;
  const [from, weightFrom] = zeros.map((name) => graph.constant(name));
  const { scale } = graph.quantizationOf(a) ?? unitOf("float32");
  const isUnknown = zeros.some((name) => name !== "" && !graph.constant(name));
  if (isUnknown || elementCount(scale.shape) !== 1) return false;
  const inverse = fromNumbers(scale.dtype, [], [1 / toNumbers(scale)[0]!]);
  const input = graph.float(a, { scale, zero: from }, { axis: -2 });
  const axis = operator === "Conv" ? 0 : -1;
  const weight = graph.float(b, { scale: inverse, zero: weightFrom }, { axis });
  if (input === undefined || weight === undefined) return false;
  graph.add({ ...node, operator, inputs: [input, weight] }, unitOf(scale.dtype));
  return true;
}

function product(
  node: Node,
  graph: Dequantization,
  { a, b, bias }: { a: string; b: string; bias: string | undefined },
): boolean {
  const [output = ""] = node.outputs;
  const result = bias ? graph.edit.name(`${output}.product`) : output;
  const attributes = {};
  graph.add({ ...node, operator: "MatMul", inputs: [a, b], outputs: [result], attributes });
  if (bias) graph.add({ ...node, name: "", operator: "Add", inputs: [result, bias], attributes });
  return true;
}

/** QLinearConv(x, w, the result's scale and zero point, bias), with scale and zero point after x and w. */
function convolution(node: Node, graph: Dequantization): boolean {
  const [yScale, yZero, bias] = node.inputs.slice(6);
  if (attribute(node, "channels_last", "int")) return false;
  return layer(node, graph, { operator: "Conv", axis: 0, factor: 1, bias, range: [yScale, yZero] });
}

/** QGemm(a, b, bias, the result's scale and zero point), with scale and zero point after a and b. */
function gemm(node: Node, graph: Dequantization): boolean {
  const [bias, yScale, yZero] = node.inputs.slice(6);
  const axis = attribute(node, "transB", "int") ? 0 : 1;
  const factor = attribute(node, "alpha", "float") ?? 1;
  return layer(node, graph, { operator: "Gemm", axis, factor, bias, range: [yScale, yZero] });
}

/** A layer with weights. The scale of its bias is the product of those of input and weights. */
function layer(
  node: Node,
  graph: Dequantization,
  options: Result & { axis: number; factor: number; bias: string | undefined },
): boolean {
  const { operator, axis, factor, bias, range } = options;
  const [x = "", xScale, xZero, w = "", wScale, wZero] = node.inputs;
  const by = graph.quantization(wScale, wZero);
  const [map, weight] = [
    graph.float(x, graph.quantization(xScale, xZero)),
    graph.float(w, by, { axis }),
  ];
  const scale = graph.constant(xScale);
  if (map === undefined || weight === undefined || !by || !scale) return false;
  const inputs = [map, weight];
  if (bias) {
    const scales = toNumbers(by.scale).map((value) => value * toNumbers(scale)[0]! * factor);
    const product = fromNumbers(by.scale.dtype, [scales.length], scales);
    const float = graph.float(bias, { scale: product, zero: undefined }, { axis: 0 });
    if (float === undefined) return false;
    inputs.push(float);
  }
  return quantized(node, graph, { operator, inputs, range });
}

function binary(node: Node, graph: Dequantization, operator: string): boolean {
  const [a = "", aScale, aZero, b = "", bScale, bZero, ...range] = node.inputs;
  const left = graph.float(a, graph.quantization(aScale, aZero), { axis: -2 });
  const right = graph.float(b, graph.quantization(bScale, bZero), { axis: -1 });
  if (left === undefined || right === undefined) return false;
  return quantized(node, graph, { operator, inputs: [left, right], range });
}

/** QLinearX(x, its scale and zero point, the result's scale and zero point). */
function unary(node: Node, graph: Dequantization): boolean {
  const [x = "", scale, zero, ...range] = node.inputs;
  const { channels_last: _, opset: __, ...attributes } = node.attributes;
  const version = attribute(node, "opset", "int") ?? graph.edit.graph.opset;
  const changed =
    node.operator === "QLinearSoftmax" && version < 13 !== graph.edit.graph.opset < 13;
  const floats = graph.float(x, graph.quantization(scale, zero));
  if (floats === undefined || attribute(node, "channels_last", "int") || changed) return false;
  const operator = node.operator.slice("QLinear".length);
  return quantized({ ...node, attributes }, graph, { operator, inputs: [floats], range });
}

/** QLinearConcat(the result's scale and zero point, each part with its own). */
function concat(node: Node, graph: Dequantization): boolean {
  const [yScale, yZero, ...rest] = node.inputs;
  const parts = rest.flatMap((name, i) =>
    i % 3 === 0 ? [graph.float(name, graph.quantization(rest[i + 1], rest[i + 2]))] : [],
  );
  if (!parts.every((part) => part !== undefined)) return false;
  return quantized(node, graph, { operator: "Concat", inputs: parts, range: [yScale, yZero] });
}

interface Result {
  readonly operator: string;
  /** Names of the result's scale and zero point; undefined where it is one of floats in the file, too. */
  readonly range: readonly (string | undefined)[];
}

/** Adds the operator in floats, its result quantized where it is in the file. */
function quantized(
  node: Node,
  graph: Dequantization,
  { operator, inputs, range }: Result & { inputs: readonly string[] },
): boolean {
  const [output = ""] = node.outputs;
  const by = graph.quantization(range[0], range[1]);
  if (range[0] && !by) return false;
  const outputs = [by ? graph.edit.name(`${output}.linear`) : output];
  graph.add({ ...node, operator, inputs, outputs });
  if (by) graph.quantize(outputs[0]!, output, by);
  return true;
}
