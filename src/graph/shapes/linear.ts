// Matrix products.
import { shorten } from "../../text.ts";
import { type Call, describe, facts } from "./call.ts";
import { readEquation } from "./equation.ts";
import { broadcast } from "./folding.ts";

export function Gemm(call: Call) {
  const [a, b, bias] = [call.input(0), call.input(1), call.optional(2)];
  if (a.shape.length !== 2 || b.shape.length !== 2) {
    call.fail(`both factors must be matrices, but are ${describe(a)} and ${describe(b)}`);
  }
  const [rows, inner] = call.int("transA") ? a.shape.toReversed() : a.shape;
  const [innerToo, columns] = call.int("transB") ? b.shape.toReversed() : b.shape;
  if (inner !== innerToo) {
    call.fail(`inner sizes ${inner} and ${innerToo} of ${describe(a)} and ${describe(b)} differ`);
  }
  const output = facts(a.dtype, [rows!, columns!]);
  if (bias && String(broadcast(call, [output, bias])) !== String(output.shape)) {
    call.fail(`the bias ${describe(bias)} does not broadcast to [${output.shape}]`);
  }
  return [output];
}

/** As in NumPy: vectors gain an axis and lose it again, leading axes broadcast. */
export function MatMul(call: Call) {
  const [a, b] = [call.input(0), call.input(1)];
  if (a.shape.length === 0 || b.shape.length === 0) call.fail("a factor is a scalar");
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  if (left.at(-1) !== right.at(-2)) {
    call.fail(`${describe(a)} and ${describe(b)} differ in their inner size`);
  }
  const batch = broadcast(call, [
    facts(a.dtype, left.slice(0, -2)),
    facts(b.dtype, right.slice(0, -2)),
  ]);
  const rows = a.shape.length === 1 ? [] : [left.at(-2)!];
  const columns = b.shape.length === 1 ? [] : [right.at(-1)!];
  return [facts(a.dtype, [...batch, ...rows, ...columns])];
}

export function Einsum(call: Call) {
  const { text, output, sizes } = readEquation(call);
  const shape = output
    .split(/(\.\.\.|[a-zA-Z])/)
    .filter((part) => part !== "")
    .flatMap(
      (part) =>
        sizes.get(part) ?? call.fail(`"${shorten(part)}" of "${shorten(text)}" is in no input`),
    );
  return [facts(call.input(0).dtype, shape)];
}
