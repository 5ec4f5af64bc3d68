// Quantization by scale and zero point, a pair for the whole tensor or one for each slice of an axis.
import { fromFront } from "../../graph/attributes.ts";
import { quantizedRanges } from "../../graph/rewrites/quantizedValues.ts";
import { full, operator, type Tensor } from "../../torch/index.ts";
import { add, div, mul, reshape, sub } from "../aten.ts";
import type { Attributes } from "../attributes.ts";

const clamp = operator("aten::clamp");
const roundHalfToEven = operator("aten::round");

/** Scale or zero point in a shape that broadcasts to `x`. */
function alongAxis(values: Tensor, x: Tensor, axis: number): Tensor {
  if (values.shape.length === 0) return values;
  const from = fromFront(axis, x.shape.length);
  return reshape(
    values,
    x.shape.map((_, other) => (other === from ? -1 : 1)),
  );
}

export function QuantizeLinear(
  [x, scale, zero]: [Tensor, Tensor, Tensor?],
  { axis = 1 }: Attributes,
): Tensor {
  const dtype = zero?.dtype ?? "uint8";
  const range = quantizedRanges.get(dtype);
  if (!range) throw new RangeError(`quantizing to ${dtype} is not supported`);
  const steps = roundHalfToEven(div(x, alongAxis(scale, x, axis)));
  const offset = zero
    ? alongAxis(zero.to({ dtype: "float32" }), x, axis)
    : full([], 0, { device: x.device });
  return clamp(add(steps, offset), ...range).to({ dtype });
}

export function DequantizeLinear(
  [x, scale, zero]: [Tensor, Tensor, Tensor?],
  { axis = 1 }: Attributes,
): Tensor {
  const wide = x.to({ dtype: "float32" });
  const steps = zero ? sub(wide, alongAxis(zero.to({ dtype: "float32" }), x, axis)) : wide;
  return mul(steps, alongAxis(scale, x, axis));
}
