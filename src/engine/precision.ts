// Mixed precision: weights and statistics stay in float32, matrix products and what follows them are
// bfloat16. https://arxiv.org/abs/1905.12322
import type { DType, Tensor } from "../torch/index.ts";

export type Precision = "f32" | "bf16";

/** Operators that compute in bfloat16, whatever arrives. */
const converting = new Set(["Conv", "Gemm", "MatMul"]);

/**
 * Operators that take bfloat16 as it comes. All others get float32: libtorch 1.13 has no transposed
 * convolution in bfloat16 on the CPU, and no pooling of volumes.
 */
const takingBfloat16 = new Set([
  "Add",
  "AveragePool",
  "BatchNormalization",
  "Clip",
  "Concat",
  "DepthToSpace",
  "Dropout",
  "Flatten",
  "GlobalAveragePool",
  "GlobalMaxPool",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "MaxPool",
  "Mul",
  "Pad",
  "ReduceMean",
  "Relu",
  "Reshape",
  "Sigmoid",
  "Slice",
  "Split",
  "Squeeze",
  "Sub",
  "Sum",
  "Transpose",
  "Unsqueeze",
]);

/** An operator's inputs in the element types that it gets under bf16 precision. Gradients pass. */
export function convertInputs(
  operator: string,
  inputs: readonly (Tensor | undefined)[],
): (Tensor | undefined)[] {
  const isVolume = operator.endsWith("Pool") && (inputs[0]?.shape.length ?? 0) > 4;
  if (takingBfloat16.has(operator) && !isVolume) return [...inputs];
  const [from, to]: [DType, DType] = converting.has(operator)
    ? ["float32", "bfloat16"]
    : ["bfloat16", "float32"];
  return inputs.map((input) => (input?.dtype === from ? input.to({ dtype: to }) : input));
}
