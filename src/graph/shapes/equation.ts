// The equation of an Einsum: `ij,jk->ik` is a matrix product, an ellipsis stands for leading axes that broadcast.
// https://onnx.ai/onnx/operators/onnx__Einsum.html
import { counted, shorten } from "../../text.ts";
import { type Call, describe, facts } from "./call.ts";
import { broadcast } from "./folding.ts";

interface Equation {
  /** As the node has it, without spaces. */
  readonly text: string;
  /** What stands behind its arrow, or follows from what stands before. */
  readonly output: string;
  /** Sizes of the axes that each letter stands for, and "...": their product is that of all multiplications. */
  readonly sizes: ReadonlyMap<string, readonly number[]>;
}

/** The equation of a call of Einsum. Throws ModelError where its inputs do not fit it. */
export function readEquation(call: Call): Equation {
  const text = (call.string("equation") ?? call.fail(`"equation" is missing`)).replaceAll(" ", "");
  const [left = "", right] = text.split("->");
  const inputs = call.variadic();
  const terms = left.split(",");
  if (terms.length !== inputs.length) {
    call.fail(
      `"${shorten(text)}" has ${counted(terms.length, "term")}, but the node ${counted(inputs.length, "input")}`,
    );
  }
  const sizes = new Map<string, readonly number[]>([["...", []]]);
  terms.forEach((term, index) => {
    const { shape } = inputs[index]!;
    const [before = "", after = ""] = term.split("...");
    const letters = before.length + after.length;
    if (term.includes("...") ? letters > shape.length : letters !== shape.length) {
      call.fail(
        `"${shorten(term)}" in "${shorten(text)}" does not fit ${describe(inputs[index]!)}`,
      );
    }
    const middle = shape.slice(before.length, shape.length - after.length);
    if (term.includes("...")) {
      const common = [sizes.get("...")!, middle].map((each) => facts("float32", each));
      sizes.set("...", broadcast(call, common));
    }
    const named = [...shape.slice(0, before.length), ...shape.slice(shape.length - after.length)];
    [...before, ...after].forEach((letter, i) => {
      const [known] = sizes.get(letter) ?? [1];
      if (known !== 1 && named[i] !== 1 && known !== named[i]) {
        call.fail(`"${letter}" in "${shorten(text)}" is ${known} and ${named[i]}`);
      }
      sizes.set(letter, [Math.max(known!, named[i]!)]);
    });
  });
  return { text, output: right ?? impliedOutput(left), sizes };
}

/** Without an arrow the result has what an ellipsis stands for, and the letters that occur once. */
function impliedOutput(left: string): string {
  const counts = new Map<string, number>();
  for (const letter of left.replace(/[.,]/g, "")) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const once = [...counts.keys()].filter((letter) => counts.get(letter) === 1).sort();
  return `...${once.join("")}`;
}
