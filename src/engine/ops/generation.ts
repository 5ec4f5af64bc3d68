// Element types, shapes as tensors, and tensors made from sizes alone. Most of these are known before
// anything runs and never get here.
import { elementCount } from "../../graph/graph.ts";
import { toNumbers } from "../../graph/tensorData.ts";
import { arange, full, operator, type Tensor } from "../../torch/index.ts";
import { checkShape, hostTensor } from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import { castTo, computedType, typeOfNumber } from "../constants.ts";
import type { OperatorContext } from "../operator.ts";

const lowerTriangle = operator("aten::tril");
const upperTriangle = operator("aten::triu");

export function Cast([x]: [Tensor], { to = 0 }: Attributes): Tensor {
  return castTo(x, typeOfNumber(to));
}

export function CastLike([x, like]: [Tensor, Tensor]): Tensor {
  return x.to({ dtype: like.dtype });
}

/** All sizes before version 15; from then on those from `start` up to `end`. */
export function Shape([x]: [Tensor], { start = 0, end }: Attributes): Tensor {
  return hostTensor(x.shape.slice(start, end), x);
}

export function Size([x]: [Tensor]): Tensor {
  return hostTensor([elementCount(x.shape)], x, { shape: [] });
}

export function ConstantOfShape(_: [], { value }: Attributes, call: OperatorContext): Tensor {
  const fill = typeof value === "object" ? value : undefined;
  return full(checkShape(call.values(0) ?? [], call), fill ? (toNumbers(fill)[0] ?? 0) : 0, {
    dtype: fill ? computedType(fill.dtype) : "float32",
    device: call.device,
  });
}

export function Range(
  [start, limit, delta]: [Tensor, Tensor, Tensor],
  _: Attributes,
  call: OperatorContext,
): Tensor {
  const { dtype, device } = start;
  const [first, end, step] = [start.item(), limit.item(), delta.item()];
  checkShape([Math.max(0, Math.ceil((end - first) / step))], call);
  return arange(first, end, { step, dtype, device });
}

/** Ones on a diagonal, in the shape of a matrix. */
export function EyeLike([x]: [Tensor], { dtype, k = 0 }: Attributes): Tensor {
  const [rows = 0, columns = 0] = x.shape;
  const type = dtype === undefined ? x.dtype : computedType(typeOfNumber(dtype));
  const ones = full([rows, columns], 1, { dtype: type, device: x.device });
  return upperTriangle(lowerTriangle(ones, k), k);
}
