// Matrix products.
import { operator, type Tensor } from "../../torch/index.ts";
import { add, mulScalar } from "../aten.ts";
import type { Attributes } from "../attributes.ts";

const atenEinsum = operator("aten::einsum");
const atenLinear = operator("aten::linear");
const atenMatmul = operator("aten::matmul");
const determinant = operator("aten::linalg_det");
const transpose = operator("aten::t");

export function MatMul([a, b]: [Tensor, Tensor]): Tensor {
  return atenMatmul(a, b);
}

/** alpha * A' B' + beta * C. */
export function Gemm(
  [a, b, c]: [Tensor, Tensor, Tensor?],
  { alpha = 1, beta = 1, transA = 0, transB = 0 }: Attributes,
): Tensor {
  const left = transA ? transpose(a) : a;
  if (alpha === 1 && beta === 1 && (c === undefined || c.shape.length === 1)) {
    return atenLinear(left, transB ? b : transpose(b), c ?? null);
  }
  const product = atenMatmul(left, transB ? transpose(b) : b);
  const scaled = alpha === 1 ? product : mulScalar(product, alpha);
  return c ? add(scaled, beta === 1 ? c : mulScalar(c, beta)) : scaled;
}

export function Einsum(inputs: Tensor[], { equation = "" }: Attributes): Tensor {
  return atenEinsum(equation.replaceAll(" ", ""), inputs);
}

export function Det([x]: [Tensor]): Tensor {
  return determinant(x);
}
