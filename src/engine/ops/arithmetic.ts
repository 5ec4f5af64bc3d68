// Elementwise arithmetic, with NumPy's broadcasting. https://onnx.ai/onnx/operators/
import { isFloat } from "../../graph/tensorData.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import { abs, add, div, divScalar, mul, sub, where } from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { OperatorContext } from "../operator.ts";

function unary(name: string) {
  const aten = operator(name);
  return ([x]: [Tensor]): Tensor => aten(x);
}

/** An operator of libtorch on pairs, applied to any number of inputs from the left. */
function folding(aten: (a: Tensor, b: Tensor) => Tensor) {
  return (inputs: readonly [Tensor, ...Tensor[]]): Tensor => inputs.reduce((a, b) => aten(a, b));
}

const any = operator("aten::any");
const divideRounding = operator("aten::div.Tensor_mode");
const equalsNumber = operator("aten::eq.Scalar");
const fmod = operator("aten::fmod.Tensor");
const power = operator("aten::pow.Tensor_Tensor");
const powerOfNumber = operator("aten::pow.Tensor_Scalar");
const remainder = operator("aten::remainder.Tensor");
const isInfinite = operator("aten::isinf");
const isPositiveInfinite = operator("aten::isposinf");
const isNegativeInfinite = operator("aten::isneginf");
const both = operator("aten::logical_and");
const negate = operator("aten::neg");
const notEqual = operator("aten::ne.Tensor");
const atenSum = folding(add);

export const Abs = unary("aten::abs");
export const Neg = unary("aten::neg");
export const Sign = unary("aten::sign");
export const Floor = unary("aten::floor");
export const Ceil = unary("aten::ceil");
export const Round = unary("aten::round");
export const Sqrt = unary("aten::sqrt");
export const Reciprocal = unary("aten::reciprocal");
export const Exp = unary("aten::exp");
export const Log = unary("aten::log");
export const Sin = unary("aten::sin");
export const Cos = unary("aten::cos");
export const Tan = unary("aten::tan");
export const Asin = unary("aten::asin");
export const Acos = unary("aten::acos");
export const Atan = unary("aten::atan");
export const Sinh = unary("aten::sinh");
export const Cosh = unary("aten::cosh");
export const Asinh = unary("aten::asinh");
export const Acosh = unary("aten::acosh");
export const Atanh = unary("aten::atanh");
export const Erf = unary("aten::erf");

export const Add = folding(add);
export const Sub = folding(sub);
export const Mul = folding(mul);
export const Sum = atenSum;
export const Min = folding(operator("aten::minimum"));
export const Max = folding(operator("aten::maximum"));

export function Mean(inputs: [Tensor, ...Tensor[]]): Tensor {
  return divScalar(atenSum(inputs), inputs.length);
}

/** Integers are divided towards zero. */
export function Div([a, b]: [Tensor, Tensor]): Tensor {
  if (isFloat(a.dtype)) return div(a, b);
  const { isMinusOne, safe } = checkDivisor(b);
  return where(isMinusOne, negate(a), divideRounding(a, safe, "trunc"));
}

/**
 * Processors trap on an integer divided by 0, which is refused, and on the least integer divided by -1,
 * which is replaced by 1. Throws RangeError.
 */
function checkDivisor(divisor: Tensor): { isMinusOne: Tensor; safe: Tensor } {
  if (any(equalsNumber(divisor, 0)).item()) throw new RangeError("an integer is divided by zero");
  const isMinusOne = equalsNumber(divisor, -1);
  return { isMinusOne, safe: where(isMinusOne, abs(divisor), divisor) };
}

export function Mod([a, b]: [Tensor, Tensor], { fmod: truncated = 0 }: Attributes): Tensor {
  const divisor = isFloat(a.dtype) ? b : checkDivisor(b).safe;
  return truncated ? fmod(a, divisor) : remainder(a, divisor);
}

/** The exponent, where it is a constant number, spares the general power and its gradient. */
export function Pow(
  [x, exponent]: [Tensor, Tensor?],
  _: Attributes,
  call: OperatorContext,
): Tensor {
  const constant = call.values(1);
  const result = constant?.length === 1 ? powerOfNumber(x, constant[0]) : power(x, exponent);
  return result.to({ dtype: x.dtype });
}

export function IsNaN([x]: [Tensor]): Tensor {
  return notEqual(x, x);
}

export function IsInf(
  [x]: [Tensor],
  { detect_negative = 1, detect_positive = 1 }: Attributes,
): Tensor {
  if (detect_negative && detect_positive) return isInfinite(x);
  if (detect_positive) return isPositiveInfinite(x);
  return detect_negative
    ? isNegativeInfinite(x)
    : both(isPositiveInfinite(x), isNegativeInfinite(x));
}
