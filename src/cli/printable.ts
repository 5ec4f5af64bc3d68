import { escapeInvisible } from "../text.ts";

// Text that is safe to show. Names come from files, and a name may hold what a terminal obeys: escape
// sequences, or marks that turn the writing direction.

const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** One line: every character that is not visible is written as `\u{...}`. */
export const printable = escapeInvisible;

/** JSON in which such characters are escaped, too; it means the same. */
export function jsonText(value: object): string {
  return JSON.stringify(value, null, 2).replace(invisible, (found) =>
    found === "\n"
      ? found
      : Array.from({ length: found.length }, (_, index) => escapeUnit(found, index)).join(""),
  );
}

function escapeUnit(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`;
}
