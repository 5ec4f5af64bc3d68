// Comparisons, boolean operators and the choice between tensors.
import type { Call, ShapeRule } from "./call.ts";
import { facts } from "./call.ts";
import { broadcast, elementwise, foldElementwise } from "./folding.ts";

const comparison =
  (holds: (a: number, b: number) => boolean): ShapeRule =>
  (call) =>
    elementwise(call, [call.input(0), call.input(1)], {
      dtype: "bool",
      compute: ([a, b]) => (holds(a!, b!) ? 1 : 0),
    });

const logical =
  (holds: (a: number, b: number) => boolean): ShapeRule =>
  (call) => {
    for (const input of [call.input(0), call.input(1)]) {
      if (input.dtype !== "bool") call.fail(`inputs must be of type bool, not ${input.dtype}`);
    }
    return comparison(holds)(call);
  };

const test =
  (holds: (x: number) => boolean): ShapeRule =>
  (call) =>
    elementwise(call, [call.input(0)], { dtype: "bool", compute: ([x]) => (holds(x!) ? 1 : 0) });

export const Equal = comparison((a, b) => a === b);
export const Greater = comparison((a, b) => a > b);
export const GreaterOrEqual = comparison((a, b) => a >= b);
export const Less = comparison((a, b) => a < b);
export const LessOrEqual = comparison((a, b) => a <= b);

export const And = logical((a, b) => a !== 0 && b !== 0);
export const Or = logical((a, b) => a !== 0 || b !== 0);
export const Xor = logical((a, b) => (a !== 0) !== (b !== 0));

export const Not = test((x) => x === 0);
export const IsNaN = test(Number.isNaN);

export function IsInf(call: Call) {
  return [facts("bool", call.input(0).shape)];
}

export function Where(call: Call) {
  const [condition, yes, no] = [call.input(0), call.input(1), call.input(2)];
  if (condition.dtype !== "bool") call.fail(`the condition must be bool, not ${condition.dtype}`);
  if (yes.dtype !== no.dtype) call.fail(`inputs differ in type: ${yes.dtype} and ${no.dtype}`);
  const shape = broadcast(call, [condition, yes, no]);
  const choose = ([holds, a, b]: readonly number[]) => (holds ? a! : b!);
  const inputs = [condition, yes, no];
  const value = foldElementwise(call, inputs, { dtype: yes.dtype, shape }, choose);
  return [facts(yes.dtype, shape, value)];
}
