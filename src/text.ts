// Text from files and from strangers, as messages show it: nothing invisible, nothing that steers a terminal or
// forges a line, and never long.
import { basename } from "node:path";

const longestExcerpt = 100;
const shownTail = 30;

// Control characters, what is invisible or reorders text, and what stands for bytes that are no text.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\ufffd]/u;
const everyInvisible = new RegExp(invisible, "gu");

/** The text of a file: UTF-8, or UTF-16 where it begins with that mark, as PowerShell writes it. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  return new TextDecoder(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8").decode(bytes);
}

/** Whether a text holds nothing that could garble a terminal or a report. */
export function isVisible(text: string): boolean {
  return !invisible.test(text);
}

/** The text in one line: what is not visible is written as `\u{...}`. */
export function escapeInvisible(text: string): string {
  return text.replaceAll(everyInvisible, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`);
}

/** A value as JSON, in which what is not visible is escaped, too; it means the same. */
export function jsonText(value: object): string {
  const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, 2).replaceAll(everyInvisible, (found) =>
    found === "\n" ? found : found.split("").map(escapeUnit).join(""),
  );
}

/** Several lines, each as `escapeInvisible` makes it. */
export function printableLines(text: string): string {
  return text.split("\n").map(escapeInvisible).join("\n");
}

/** Such text as a paragraph: its further lines are indented, so that none passes for a line of our own. */
export function paragraph(text: string): string {
  return printableLines(text).replaceAll("\n", "\n  ");
}

/** The last part of a path, as messages name a file. */
export function fileName(path: string): string {
  return escapeInvisible(basename(path));
}

/** A number and what it counts: `1 image`, `2 images`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** The first of some words, and how many there are more: `a, b, 3 more`. */
export function listed(words: readonly string[], most: number): string {
  const shown = words.slice(0, most);
  if (words.length > most) shown.push(`${words.length - most} more`);
  return shown.join(", ");
}

/** A text without the middle, where it is long. */
export function shorten(text: string): string {
  if (text.length <= longestExcerpt) return text;
  const [head, tail] = [text.slice(0, longestExcerpt - shownTail), text.slice(-shownTail)];
  return `${head}…(${text.length - longestExcerpt} more)…${tail}`;
}

/** A text of at most so many characters, the last of which says that others are left out. */
export function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A word as a shell reads it, in one line. */
export function quoteForShell(word: string): string {
  if (/^[\w./:,=@%+-]+$/.test(word)) return word;
  if (isVisible(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const bytes = (found: string) =>
    Array.from(Buffer.from(found), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  return `$'${word.replaceAll(/[\\']/g, "\\$&").replaceAll(everyInvisible, bytes)}'`;
}

/** Characters of a message, and of one line of it: what a person reads. */
const [longestMessage, longestLine] = [4096, 2048];

/** A message of a length that a person reads; it counts what is left out. */
export function limitMessage(text: string): string {
  const lines = text.split("\n");
  const kept: string[] = [];
  let room = longestMessage - 50;
  for (const line of lines) {
    const left = line.length - longestLine;
    const shown = left > 0 ? `${line.slice(0, longestLine)}… and ${left} more characters` : line;
    room -= shown.length + 1;
    if (room < 0) break;
    kept.push(shown);
  }
  const left = lines.length - kept.length;
  if (left > 0) kept.push(`... and ${left} more lines`);
  return kept.join("\n");
}
