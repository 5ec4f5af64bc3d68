// Matrix products.
import { counted, shorten } from "../../text.ts";
import { type Call, describe, facts } from "./call.ts";
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
  const equation = (call.string("equation") ?? call.fail(`"equation" is missing`)).replace(
    / /g,
    "",
  );
  const [left = "", right] = equation.split("->");
  const inputs = call.variadic();
  const terms = left.split(",");
  if (terms.length !== inputs.length) {
    call.fail(
      `"${shorten(equation)}" has ${counted(terms.length, "term")}, but the node ${counted(inputs.length, "input")}`,
    );
  }
  const sizes = new Map<string, number>();
  let ellipsis: readonly number[] = [];
  terms.forEach((term, index) => {
    const { shape } = inputs[index]!;
    const [before = "", after = ""] = term.split("...");
    const letters = before.length + after.length;
    if (term.includes("...") ? letters > shape.length : letters !== shape.length) {
      call.fail(
        `"${shorten(term)}" in "${shorten(equation)}" does not fit ${describe(inputs[index]!)}`,
      );
    }
    const middle = shape.slice(before.length, shape.length - after.length);
    if (term.includes("...")) {
      ellipsis = broadcast(call, [facts("float32", ellipsis), facts("float32", middle)]);
    }
    const named = [...shape.slice(0, before.length), ...shape.slice(shape.length - after.length)];
    [...before, ...after].forEach((letter, i) => {
      const known = sizes.get(letter) ?? 1;
      if (known !== 1 && named[i] !== 1 && known !== named[i]) {
        call.fail(`"${letter}" in "${shorten(equation)}" is ${known} and ${named[i]}`);
      }
      sizes.set(letter, Math.max(known, named[i]!));
    });
  });
  const counts = new Map<string, number>();
  for (const letter of left.replace(/[.,]/g, "")) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const once = [...counts.keys()].filter((letter) => counts.get(letter) === 1).sort();
  const output = right ?? `...${once.join("")}`;
  const shape = output
    .split(/(\.\.\.|[a-zA-Z])/)
    .filter((part) => part !== "")
    .flatMap((part) => {
      if (part === "...") return ellipsis;
      return (
        sizes.get(part) ?? call.fail(`"${shorten(part)}" of "${shorten(equation)}" is in no input`)
      );
    });
  return [facts(inputs[0]!.dtype, shape)];
}
