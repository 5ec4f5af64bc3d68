// Comparison, logic and selection.
import { operator, type Tensor } from "../../torch/index.ts";
import { where } from "../aten.ts";

function binary(name: string) {
  const aten = operator(name);
  return ([a, b]: [Tensor, Tensor]): Tensor => aten(a, b);
}

const bitwiseNot = operator("aten::bitwise_not");
const logicalNot = operator("aten::logical_not");

export const Equal = binary("aten::eq.Tensor");
export const Greater = binary("aten::gt.Tensor");
export const GreaterOrEqual = binary("aten::ge.Tensor");
export const Less = binary("aten::lt.Tensor");
export const LessOrEqual = binary("aten::le.Tensor");
export const And = binary("aten::logical_and");
export const Or = binary("aten::logical_or");
export const Xor = binary("aten::logical_xor");
export const BitwiseAnd = binary("aten::bitwise_and.Tensor");
export const BitwiseOr = binary("aten::bitwise_or.Tensor");
export const BitwiseXor = binary("aten::bitwise_xor.Tensor");

export function Not([x]: [Tensor]): Tensor {
  return logicalNot(x);
}

export function BitwiseNot([x]: [Tensor]): Tensor {
  return bitwiseNot(x);
}

export function Where([condition, a, b]: [Tensor, Tensor, Tensor]): Tensor {
  return where(condition, a, b);
}
