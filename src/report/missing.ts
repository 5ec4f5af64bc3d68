// Parts of a run that may not be there: a run may be cut short, older than a part, or edited by hand.
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { ZodType } from "zod";
import { escapeInvisible, shorten } from "../text.ts";

/** What takes the place of a part that cannot be shown: why, as a sentence without its full stop. */
export interface Missing {
  readonly missing: string;
}

export function isMissing(part: object): part is Missing {
  return "missing" in part;
}

/** A part that is made from others, as long as none of these is missing. */
export function from<T extends object, U extends object>(
  part: T | Missing,
  make: (part: T) => U | Missing,
): U | Missing {
  return isMissing(part) ? part : make(part);
}

/** Files of a run are small; whatever is larger is none. */
const largestFile = 64 * 2 ** 20;

/** The text of a file of a run, or why there is none. */
export async function readText(path: string): Promise<{ readonly text: string } | Missing> {
  const name = basename(path);
  try {
    const facts = await stat(path);
    if (!facts.isFile()) return { missing: `${name} is not a file` };
    if (facts.size > largestFile) return { missing: `${name} is too large for a run's` };
    return { text: await readFile(path, "utf8") };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { missing: `the run has no ${name}` };
    return { missing: `${name} cannot be read (${code ?? "unknown reason"})` };
  }
}

/** What a JSON file of a run holds, where it has the expected form. */
export async function readJson<T extends object>(
  path: string,
  schema: ZodType<T>,
): Promise<T | Missing> {
  const read = await readText(path);
  return from(read, ({ text }) => parseJson(text, { name: basename(path), schema }));
}

/** The value of a JSON text, where it has the expected form. */
export function parseJson<T extends object>(
  text: string,
  { name, schema }: { name: string; schema: ZodType<T> },
): T | Missing {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { missing: `${name} is damaged: it does not hold JSON` };
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const place = (issue?.path ?? []).map(String).join(".");
  const where = place === "" ? "" : `${escapeInvisible(shorten(place))}: `;
  return { missing: `${name} is not what a run writes: ${where}${shorten(issue?.message ?? "")}` };
}
