// The attributes that convolutions and pooling share, read and checked.
import { counted } from "../../text.ts";
import type { Window } from "../window.ts";
import { type Call, describe, type TensorFacts } from "./call.ts";

/** Refuses a window that is larger than the padded input. */
export function checkOutput(
  call: Call,
  output: readonly number[],
  x: TensorFacts,
): readonly number[] {
  if (output.some((size) => size < 1) && !x.shape.includes(0)) {
    call.fail(`the window is larger than the padded input ${describe(x)}`);
  }
  return output;
}

/** `auto_pad`, checked. */
export function readAutoPad(call: Call): string {
  const autoPad = call.string("auto_pad") || "NOTSET";
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(autoPad)) {
    call.fail(`"auto_pad" must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, but is "${autoPad}"`);
  }
  return autoPad;
}

/** Kernel, strides, dilations and padding from the attributes; the kernel of a convolution follows its weights. */
export function readWindow(call: Call, weights?: readonly number[]): Window {
  const kernel = call.ints("kernel_shape") ?? weights ?? call.fail(`"kernel_shape" is missing`);
  if (weights && (kernel.length !== weights.length || kernel.some((k, i) => k !== weights[i]))) {
    call.fail(`"kernel_shape" [${kernel}] contradicts the weights' [${weights}]`);
  }
  const rank = kernel.length;
  const strides = perAxis(call, "strides", { rank, fallback: 1 });
  const dilations = perAxis(call, "dilations", { rank, fallback: 1 });
  if ([...kernel, ...strides, ...dilations].some((value) => value < 1)) {
    call.fail(
      `kernel [${kernel}], strides [${strides}], dilations [${dilations}] must be positive`,
    );
  }
  return {
    kernel,
    strides,
    dilations,
    pads: perAxis(call, "pads", { rank: 2 * rank, fallback: 0 }),
  };
}

/** An attribute with a value an axis, checked; all `fallback` where it is absent. */
export function perAxis(
  call: Call,
  name: string,
  { rank, fallback }: { rank: number; fallback: number },
): readonly number[] {
  const values = call.ints(name);
  if (!values?.length) return new Array<number>(rank).fill(fallback);
  if (values.length !== rank)
    call.fail(`"${name}" must have ${counted(rank, "value")}, but has ${values.length}`);
  return values;
}
