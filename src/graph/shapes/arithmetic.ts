// Elementwise arithmetic. https://onnx.ai/onnx/operators/
import { isFloat, roundHalfToEven } from "../tensorData.ts";
import type { Call, ShapeRule } from "./call.ts";
import { facts } from "./call.ts";
import { broadcast, elementwise, foldElementwise } from "./folding.ts";

type Elements = readonly number[];

const unary =
  (compute?: (x: number) => number): ShapeRule =>
  (call) =>
    elementwise(call, [call.input(0)], compute ? { compute: ([x]) => compute(x!) } : {});

const binary = (compute?: (a: number, b: number) => number): ShapeRule => {
  const folding = compute ? { compute: ([a, b]: Elements) => compute(a!, b!) } : {};
  return (call) => elementwise(call, [call.input(0), call.input(1)], folding);
};

const variadic =
  (compute: (elements: Elements) => number): ShapeRule =>
  (call) =>
    elementwise(call, call.variadic(), { compute });

const sum = (elements: Elements) => elements.reduce((total, element) => total + element, 0);

export const Abs = unary(Math.abs);
export const Neg = unary((x) => -x);
export const Sign = unary(Math.sign);
export const Floor = unary(Math.floor);
export const Ceil = unary(Math.ceil);
export const Round = unary(roundHalfToEven);
export const Sqrt = unary(Math.sqrt);
export const Reciprocal = unary((x) => 1 / x);
export const Exp = unary(Math.exp);
export const Log = unary(Math.log);
export const Sin = unary();
export const Cos = unary();
export const Tan = unary();
export const Asin = unary();
export const Acos = unary();
export const Atan = unary();
export const Sinh = unary();
export const Cosh = unary();
export const Asinh = unary();
export const Acosh = unary();
export const Atanh = unary();
export const Erf = unary();

export const Add = binary((a, b) => a + b);
export const Sub = binary((a, b) => a - b);
export const Mul = binary((a, b) => a * b);
export const BitShift = binary();

export const Sum = variadic(sum);
export const Mean = variadic((elements) => sum(elements) / elements.length);
export const Min = variadic((elements) => elements.reduce((a, b) => Math.min(a, b)));
export const Max = variadic((elements) => elements.reduce((a, b) => Math.max(a, b)));

export function Div(call: Call) {
  const exact = isFloat(call.input(0).dtype);
  return binary((a, b) => (exact ? a / b : Math.trunc(a / b)))(call);
}

export function Mod(call: Call) {
  const truncated = (call.int("fmod") ?? 0) !== 0;
  return binary((a, b) => (truncated ? a % b : a - b * Math.floor(a / b)))(call);
}

export function Pow(call: Call) {
  const [base, exponent] = [call.input(0), call.input(1)];
  const shape = broadcast(call, [base, exponent]);
  const power = ([a, b]: Elements) => a! ** b!;
  const value = foldElementwise(call, [base, exponent], { dtype: base.dtype, shape }, power);
  return [facts(base.dtype, shape, value)];
}
