// What each quantized operator is in floats. Those that are not of ONNX are ONNX Runtime's:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
import { attribute, int } from "../attributes.ts";
import { elementCount, type Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { codeOf, typeCodes } from "../typeCodes.ts";
import type { Dequantization } from "./dequantization.ts";
import { dequantizeValues } from "./quantizedValues.ts";

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
      const weight = graph.float(b, graph.quantization(scale, zero), -1);
      return weight !== undefined && product(node, graph, { a, b: weight, bias });
    },
    MatMulInteger: (node, graph) => integerProduct(node, graph, "MatMul"),
    MatMulIntegerToFloat: (node, graph) => {
      const [a = "", b = "", , scale, , zero, bias] = node.inputs;
      const weight = graph.float(b, graph.quantization(scale, zero), -1);
      if (weight === undefined || !graph.isFloat(a)) return false;
      return product(node, graph, { a, b: weight, bias });
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
    const axis = attribute(node, "axis", "int") ?? 1;
    const block = attribute(node, "block_size", "int");
    graph.set(output, dequantizeValues(value, by, { axis, block }));
    return true;
  }
  if (graph.isFloat(x)) {
    graph.add(passOn(node));
    return true;
  }
  if (!by || elementCount(by.scale.shape) !== 1) return false;
  const [cast, centred] = ["cast", "centred"].map((part) => graph.names.next(`${output}.${part}`));
  const { dtype } = by.scale;
  const offset = fromNumbers(dtype, [], by.zero ? toNumbers(by.zero) : [0]);
  const from = graph.addConstant(`${output}.zero`, offset);
  const step = (operator: string, inputs: string[], name: string, attributes = {}) =>
    graph.add({ name: "", operator, inputs, outputs: [name], attributes });
  step("Cast", [x], cast!, { to: int(codeOf(dtype)) });
  step("Sub", [cast!, from], centred!);
  step("Mul", [centred!, scale], output);
  return true;
}

/** Without a zero point the type is an attribute, and uint8 where there is none either. */
function quantizeLinear(node: Node, graph: Dequantization): boolean {
  const [x = "", scale, zero] = node.inputs;
  const by = graph.quantization(scale, zero);
  const code = attribute(node, "output_dtype", "int") ?? 0;
  const isTold = by && !by.zero && code !== 0;
  const from = fromNumbers(typeCodes.get(code) ?? "int32", [], [0]);
  graph.quantize(x, node.outputs[0]!, isTold ? { ...by, zero: from } : by);
  return true;
}

/** Of a range that is measured in each run, the scale becomes 1. */
function quantizeByRange(node: Node, graph: Dequantization): boolean {
  const [x = ""] = node.inputs;
  const [y = "", scale = "", zero = ""] = node.outputs;
  graph.set(scale, fromNumbers("float32", [], [1]));
  graph.set(zero, fromNumbers("uint8", [], [0]));
  // As int32, which cuts nothing off.
  const unlimited = { scale: fromNumbers("float32", [], [1]), zero: fromNumbers("int32", [], [0]) };
  graph.quantize(x, y, unlimited);
  return true;
}

/** A product of whole numbers, which a multiplication by the scales follows. */
function integerProduct(node: Node, graph: Dequantization, operator: string): boolean {
  const [a = "", b = "", , zero] = node.inputs;
  const from = graph.constant(zero);
  if (!graph.isFloat(a) || (zero && !from)) return false;
  const scale = fromNumbers("float32", [], [1]);
  const weight = graph.float(b, { scale, zero: from }, operator === "Conv" ? 0 : -1);
  if (weight === undefined) return false;
  graph.add({ ...node, operator, inputs: [a, weight] });
  return true;
}

function product(
  node: Node,
  graph: Dequantization,
  { a, b, bias }: { a: string; b: string; bias: string | undefined },
): boolean {
  const [output = ""] = node.outputs;
  const result = bias ? graph.names.next(`${output}.product`) : output;
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
  const [x = "", xScale, , w = "", wScale, wZero] = node.inputs;
  const by = graph.quantization(wScale, wZero);
  const weight = graph.float(w, by, axis);
  const scale = graph.constant(xScale);
  if (!graph.isFloat(x) || weight === undefined || !by || !scale) return false;
  const inputs = [x, weight];
  if (bias) {
    const scales = toNumbers(by.scale).map((value) => value * toNumbers(scale)[0]! * factor);
    const product = fromNumbers(by.scale.dtype, [scales.length], scales);
    const float = graph.float(bias, { scale: product, zero: undefined }, 0);
    if (float === undefined) return false;
    inputs.push(float);
  }
  return quantized(node, graph, { operator, inputs, range });
}

function binary(node: Node, graph: Dequantization, operator: string): boolean {
  const [a = "", aScale, aZero, b = "", bScale, bZero, ...range] = node.inputs;
  const left = graph.float(a, graph.quantization(aScale, aZero), -2);
  const right = graph.float(b, graph.quantization(bScale, bZero), -1);
  if (left === undefined || right === undefined) return false;
  return quantized(node, graph, { operator, inputs: [left, right], range });
}

/** QLinearX(x, its scale and zero point, the result's scale and zero point). */
function unary(node: Node, graph: Dequantization): boolean {
  const [x = "", , , ...range] = node.inputs;
  const { channels_last: _, opset: __, ...attributes } = node.attributes;
  const version = attribute(node, "opset", "int") ?? graph.graph.opset;
  const changed = node.operator === "QLinearSoftmax" && version < 13 !== graph.graph.opset < 13;
  if (!graph.isFloat(x) || attribute(node, "channels_last", "int") || changed) return false;
  const operator = node.operator.slice("QLinear".length);
  return quantized({ ...node, attributes }, graph, { operator, inputs: [x], range });
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
  const outputs = [by ? graph.names.next(`${output}.linear`) : output];
  graph.add({ ...node, operator, inputs, outputs });
  if (by) graph.quantize(outputs[0]!, output, by);
  return true;
}
