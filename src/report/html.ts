// HTML and SVG from templates in which everything is escaped that is not markup itself: names of models, classes and
// files come from strangers.
import { escapeInvisible } from "../text.ts";

/** Text that is markup already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | undefined | readonly Part[];

/** What bytes look like in base64. */
export const base64Form = /^[A-Za-z0-9+/]+={0,2}$/;

/** Bytes in base64, whole, where texts are shortened. Throws RangeError for what is none. */
export function base64(text: string): Markup {
  if (!base64Form.test(text)) throw new RangeError("expected bytes in base64");
  return new Markup(text);
}

/** Characters of a text; what is longer loses its middle. */
const longestText = 4000;

/** Markup with the parts between escaped, those that are markup excepted; lists are joined, undefined is nothing. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const last = texts.length - 1;
  const joined = parts.map((part, i) => texts[i] + render(part)).join("");
  return new Markup(joined + texts[last]);
}

function render(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(render).join("");
  return escapeHtml(String(part));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text as HTML and SVG show it, in attributes and between tags: nothing of it is obeyed, nothing is invisible. */
export function escapeHtml(text: string): string {
  const half = longestText / 2;
  const limited =
    text.length <= longestText ? text : `${text.slice(0, half)} … ${text.slice(-half)}`;
  const lines = limited.split("\n").map(escapeInvisible).join("\n");
  return lines.replaceAll(/[&<>"']/g, (found) => entities[found]!);
}
