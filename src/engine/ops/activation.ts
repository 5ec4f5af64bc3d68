// Activation functions.
import { elementCount } from "../../graph/graph.ts";
import { operator, type Tensor } from "../../torch/index.ts";
import { abs, add, addScalar, axisOf, div, mul, mulScalar, reshape, where } from "../aten.ts";
import type { Attributes } from "../attributes.ts";
import type { Operator, OperatorContext } from "../operator.ts";

const atenCelu = operator("aten::celu");
const atenElu = operator("aten::elu");
const atenGelu = operator("aten::gelu");
const atenHardswish = operator("aten::hardswish");
const atenLeakyRelu = operator("aten::leaky_relu");
const atenMish = operator("aten::mish");
const atenRelu = operator("aten::relu");
const atenSigmoid = operator("aten::sigmoid");
const atenSilu = operator("aten::silu");
const atenSoftplus = operator("aten::softplus");
const atenTanh = operator("aten::tanh");
const argmax = operator("aten::argmax");
const clamp = operator("aten::clamp");
const greaterThan = operator("aten::gt.Scalar");
const lessThan = operator("aten::lt.Scalar");
const logSoftmax = operator("aten::log_softmax.int");
const scatterNumber = operator("aten::scatter.value");
const softmax = operator("aten::softmax.int");
const zerosLike = operator("aten::zeros_like");

export function Relu([x]: [Tensor]): Tensor {
  return atenRelu(x);
}

export function LeakyRelu([x]: [Tensor], { alpha = 0.01 }: Attributes): Tensor {
  return atenLeakyRelu(x, alpha);
}

export function PRelu([x, slope]: [Tensor, Tensor]): Tensor {
  return add(clamp(x, 0), mul(clamp(x, null, 0), slope));
}

export function ThresholdedRelu([x]: [Tensor], { alpha = 1 }: Attributes): Tensor {
  return where(greaterThan(x, alpha), x, zerosLike(x));
}

export function Elu([x]: [Tensor], { alpha = 1 }: Attributes): Tensor {
  return atenElu(x, alpha);
}

export function Selu(
  [x]: [Tensor],
  { alpha = 1.6732632423543772, gamma = 1.0507009873554805 }: Attributes,
): Tensor {
  return atenElu(x, alpha, gamma);
}

export function Celu([x]: [Tensor], { alpha = 1 }: Attributes): Tensor {
  return atenCelu(x, alpha);
}

export function Sigmoid([x]: [Tensor]): Tensor {
  return atenSigmoid(x);
}

export function Tanh([x]: [Tensor]): Tensor {
  return atenTanh(x);
}

export function HardSigmoid([x]: [Tensor], { alpha = 0.2, beta = 0.5 }: Attributes): Tensor {
  return clamp(addScalar(mulScalar(x, alpha), beta), 0, 1);
}

export function HardSwish([x]: [Tensor]): Tensor {
  return atenHardswish(x);
}

export function Gelu([x]: [Tensor], { approximate = "none" }: Attributes): Tensor {
  return atenGelu(x, approximate);
}

export function Mish([x]: [Tensor]): Tensor {
  return atenMish(x);
}

export function Swish([x]: [Tensor], { alpha = 1 }: Attributes): Tensor {
  return alpha === 1 ? atenSilu(x) : mul(x, atenSigmoid(mulScalar(x, alpha)));
}

export function Softplus([x]: [Tensor]): Tensor {
  return atenSoftplus(x);
}

export function Softsign([x]: [Tensor]): Tensor {
  return div(x, addScalar(abs(x), 1));
}

export function Shrink([x]: [Tensor], { bias = 0, lambd = 0.5 }: Attributes): Tensor {
  const inside = where(lessThan(x, -lambd), addScalar(x, bias), zerosLike(x));
  return where(greaterThan(x, lambd), addScalar(x, -bias), inside);
}

/** Limits are attributes before version 11. */
export const Clip = {
  7: ([x]: [Tensor], { min, max }: Attributes): Tensor => limit(x, min, max),
  11: ([x]: [Tensor], _: Attributes, call: OperatorContext): Tensor =>
    limit(x, call.values(1)?.[0], call.values(2)?.[0]),
};

function limit(x: Tensor, min: number | undefined, max: number | undefined): Tensor {
  return min === undefined && max === undefined ? x : clamp(x, min ?? null, max ?? null);
}

/**
 * An operator along an axis. Before version 13 the axes from there on were taken as one; an axis behind
 * the last one left a column.
 */
function alongAxis(
  compute: (x: Tensor, axis: number) => Tensor,
): Readonly<Record<number, Operator>> {
  return {
    7: ([x]: [Tensor], { axis = 1 }: Attributes) => {
      const rank = x.shape.length;
      const from = axis === rank ? rank : axisOf(axis, rank);
      const flat = reshape(x, [
        elementCount(x.shape.slice(0, from)),
        elementCount(x.shape.slice(from)),
      ]);
      return reshape(compute(flat, 1), x.shape);
    },
    13: ([x]: [Tensor], { axis = -1 }: Attributes) => compute(x, axisOf(axis, x.shape.length)),
  };
}

export const Softmax = alongAxis((x, axis) => softmax(x, axis));
export const LogSoftmax = alongAxis((x, axis) => logSoftmax(x, axis));
export const Hardmax = alongAxis((x, axis) =>
  scatterNumber(zerosLike(x), axis, argmax(x, axis, true), 1),
);
