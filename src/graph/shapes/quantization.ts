// Quantized tensors: operators between whole numbers and floats, and those on whole numbers, which have the shapes of
// the same operators on floats. Those that are not of ONNX are ONNX Runtime's:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
import type { DataType } from "../graph.ts";
import { typeCodes } from "../typeCodes.ts";
import { LeakyRelu, Softmax } from "./activation.ts";
import { Add, Mul } from "./arithmetic.ts";
import { type Call, facts, type Outputs, type ShapeRule, type TensorFacts } from "./call.ts";
import { Conv } from "./convolution.ts";
import { Gemm, MatMul } from "./linear.ts";
import { AveragePool, GlobalAveragePool } from "./pooling.ts";
import { Concat } from "./shape.ts";

/** The shapes that an operator gives for some of the inputs, whose numbers do not count, in another type. */
function like(call: Call, rule: ShapeRule, places: readonly number[], dtype: DataType): Outputs {
  if (call.int("channels_last")) return [];
  const inputs = places.map((place) => call.optional(place) && bare(call.input(place)));
  return rule(call.on(inputs)).map((output) => output && facts(dtype, output.shape));
}

function bare({ shape }: TensorFacts): TensorFacts {
  return facts("float32", shape);
}

/** An operator whose result has the type of the input at `typed`, or float32 where there is none. */
const typedAs =
  (rule: ShapeRule, places: readonly number[], typed: number): ShapeRule =>
  (call) =>
    like(call, rule, places, call.optional(typed)?.dtype ?? "float32");

const integers =
  (rule: ShapeRule): ShapeRule =>
  (call) =>
    like(call, rule, [0, 1], "int32");

/** Without a zero point the type is an attribute, and uint8 where there is none either. */
export function QuantizeLinear(call: Call): Outputs {
  const code = call.int("output_dtype") || 2;
  const dtype = call.optional(2)?.dtype ?? typeCodes.get(code);
  return [dtype && facts(dtype, call.input(0).shape)];
}

export function DequantizeLinear(call: Call): Outputs {
  return [facts(call.input(1).dtype, call.input(0).shape)];
}

export function DynamicQuantizeLinear(call: Call): Outputs {
  return [facts("uint8", call.input(0).shape), facts("float32", []), facts("uint8", [])];
}

/** The parts stand at every third place, each before its scale and zero point. */
export function QLinearConcat(call: Call): Outputs {
  const places = call.node.inputs.flatMap((_, place) => (place % 3 === 2 ? [place] : []));
  return like(call, Concat, places, call.input(1).dtype);
}

export const ConvInteger = integers(Conv);
export const DynamicQuantizeMatMul = typedAs(MatMul, [0, 1], 0);
export const MatMulInteger = integers(MatMul);
export const MatMulIntegerToFloat = typedAs(MatMul, [0, 1], 2);
export const QGemm = typedAs(Gemm, [0, 3, 6], 8);
export const QLinearAdd = typedAs(Add, [0, 3], 0);
export const QLinearAveragePool = typedAs(AveragePool, [0], 0);
export const QLinearConv = typedAs(Conv, [0, 3, 8], 7);
export const QLinearGlobalAveragePool = typedAs(GlobalAveragePool, [0], 0);
export const QLinearLeakyRelu = typedAs(LeakyRelu, [0], 0);
export const QLinearMatMul = typedAs(MatMul, [0, 3], 7);
export const QLinearMul = typedAs(Mul, [0, 3], 0);
export const QLinearSoftmax = typedAs(Softmax, [0], 0);
