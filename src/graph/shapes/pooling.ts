// Pooling.
import { counted } from "../../text.ts";
import { slideWindow } from "../window.ts";
import { type Call, describe, facts, type ShapeRule } from "./call.ts";
import { checkOutput, readAutoPad, readWindow } from "./windowAttributes.ts";

const pool = (call: Call) => {
  const x = call.input(0);
  const window = readWindow(call);
  if (x.shape.length !== window.kernel.length + 2) {
    call.fail(
      `a window of ${counted(window.kernel.length, "axis", "axes")} does not fit the input ${describe(x)}`,
    );
  }
  const ceilMode = (call.int("ceil_mode") ?? 0) !== 0;
  const input = x.shape.slice(2);
  const { output } = slideWindow({ ...window, input, autoPad: readAutoPad(call), ceilMode });
  return facts(x.dtype, [...x.shape.slice(0, 2), ...checkOutput(call, output, x)]);
};

const globalPool: ShapeRule = (call) => {
  const x = call.input(0);
  if (x.shape.length < 2) call.fail(`the input must have channels, but is ${describe(x)}`);
  return [
    facts(
      x.dtype,
      x.shape.map((size, axis) => (axis < 2 ? size : 1)),
    ),
  ];
};

export const AveragePool: ShapeRule = (call) => [pool(call)];
export const LpPool: ShapeRule = (call) => [pool(call)];
export const GlobalAveragePool = globalPool;
export const GlobalMaxPool = globalPool;
export const GlobalLpPool = globalPool;

/** The second output holds the positions of the maxima. */
export function MaxPool(call: Call) {
  const values = pool(call);
  return [values, facts("int64", values.shape)];
}
