// Convolutions.
import { counted } from "../../text.ts";
import { slideWindow, slideWindowTransposed } from "../window.ts";
import { type Call, describe, facts, type TensorFacts } from "./call.ts";
import { checkOutput, perAxis, readAutoPad, readWindow } from "./windowAttributes.ts";

export function Conv(call: Call) {
  const [x, weight] = [call.input(0), call.input(1)];
  const window = readWindow(call, weight.shape.slice(2));
  const group = readGroup(call);
  checkRanks(call, x, weight);
  const [outputs, inputs] = [weight.shape[0]!, weight.shape[1]! * group];
  if (x.shape[1] !== inputs) {
    call.fail(
      `weights ${describe(weight)} in ${group} group(s) want ${inputs} input channels, ` +
        `but the input is ${describe(x)}`,
    );
  }
  if (outputs % group !== 0)
    call.fail(`${counted(outputs, "output")} cannot be divided into ${counted(group, "group")}`);
  checkBias(call, outputs);
  const input = x.shape.slice(2);
  const { output } = slideWindow({ ...window, input, autoPad: readAutoPad(call) });
  return [facts(x.dtype, [x.shape[0]!, outputs, ...checkOutput(call, output, x)])];
}

export function ConvTranspose(call: Call) {
  const [x, weight] = [call.input(0), call.input(1)];
  const window = readWindow(call, weight.shape.slice(2));
  const group = readGroup(call);
  checkRanks(call, x, weight);
  if (x.shape[1] !== weight.shape[0] || weight.shape[0]! % group !== 0) {
    call.fail(
      `weights ${describe(weight)} in ${group} group(s) do not fit the input ${describe(x)}`,
    );
  }
  const outputs = weight.shape[1]! * group;
  checkBias(call, outputs);
  const { output } = slideWindowTransposed({
    ...window,
    input: x.shape.slice(2),
    autoPad: readAutoPad(call),
    outputPadding: perAxis(call, "output_padding", { rank: window.kernel.length, fallback: 0 }),
    outputShape: call.ints("output_shape")?.slice(-window.kernel.length),
  });
  return [facts(x.dtype, [x.shape[0]!, outputs, ...checkOutput(call, output, x)])];
}

function readGroup(call: Call): number {
  const group = call.int("group") ?? 1;
  if (group < 1) call.fail(`"group" must be at least 1, but is ${group}`);
  return group;
}

function checkRanks(call: Call, x: TensorFacts, weight: TensorFacts): void {
  if (x.shape.length < 3 || x.shape.length !== weight.shape.length) {
    call.fail(
      `input ${describe(x)} and weights ${describe(weight)} must have the same rank, 3 at least`,
    );
  }
}

function checkBias(call: Call, outputs: number): void {
  const bias = call.optional(2);
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
    call.fail(`the bias must have shape [${outputs}], but is ${describe(bias)}`);
  }
}
