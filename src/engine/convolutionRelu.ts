// A convolution of a network that learns nothing, with what is added to it and the ReLU behind: on AMX in one pass.
import { operator, type Tensor } from "../torch/index.ts";
import { isForAmx } from "./amx.ts";
import { add } from "./aten.ts";
import type { Attributes } from "./attributes.ts";
import type { OperatorContext } from "./operator.ts";
import { Conv } from "./ops/convolution.ts";
import { placeWindow, symmetricPadding } from "./window.ts";

export type ConvolutionReluInputs = [x: Tensor, weight: Tensor, bias?: Tensor, addend?: Tensor];

const amxConvolutionRelu = operator("deepobf::amx_convolution_relu");
const reluInPlace = operator("aten::relu_");

/** Relu(Conv(x, weight, bias) + addend). */
export function convolutionRelu(
  inputs: ConvolutionReluInputs,
  attributes: Attributes,
  call: OperatorContext,
): Tensor {
  const fused = inOnePass(inputs, attributes, call);
  if (fused) return fused;
  const [x, weight, bias, addend] = inputs;
  const layer = Conv(bias ? [x, weight, bias] : [x, weight], attributes, call);
  return reluInPlace(addend ? add(layer, addend) : layer);
}

/** Undefined where there is no such kernel, or it is no faster: for single pixels of which nothing else is read. */
function inOnePass(
  [x, weight, bias, addend]: ConvolutionReluInputs,
  { group = 1, ...attributes }: Attributes,
  { device }: OperatorContext,
): Tensor | undefined {
  const learns = [x, weight, bias, addend].some((tensor) => tensor?.requiresGrad);
  if (learns || device !== "cpu" || group !== 1 || weight.shape.length !== 4) return undefined;
  if (!isForAmx(x, weight, attributes.dilations ?? [])) return undefined;
  const placed = placeWindow(x, weight.shape.slice(2), attributes);
  const padding = symmetricPadding(placed.pads);
  const isPointwise = placed.kernel.every((size) => size === 1);
  if (!padding || (isPointwise && !addend)) return undefined;
  const shape = [x.shape[0]!, weight.shape[0]!, ...placed.output];
  if (addend && (addend.dtype !== "bfloat16" || String(addend.shape) !== String(shape))) {
    return undefined;
  }
  const { strides } = placed;
  return amxConvolutionRelu(x, weight, bias ?? null, strides, padding, addend ?? null);
}
