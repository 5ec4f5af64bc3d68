// Text from files and from strangers, as messages show it: nothing invisible, nothing that steers a terminal or
// forges a line, and never long.

const longestExcerpt = 100;
const shownTail = 30;

// Control characters, what is invisible or reorders text, and what stands for bytes that are no text.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\ufffd]/u;
const everyInvisible = new RegExp(invisible, "gu");

/** Whether a text holds nothing that could garble a terminal or a report. */
export function isVisible(text: string): boolean {
  return !invisible.test(text);
}

/** The text in one line: what is not visible is written as `\u{...}`. */
export function escapeInvisible(text: string): string {
  return text.replaceAll(everyInvisible, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`);
}

/** A text without the middle, where it is long. */
export function shorten(text: string): string {
  if (text.length <= longestExcerpt) return text;
  const [head, tail] = [text.slice(0, longestExcerpt - shownTail), text.slice(-shownTail)];
  return `${head}…(${text.length - longestExcerpt} more)…${tail}`;
}
