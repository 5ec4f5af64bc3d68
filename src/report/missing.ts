// Parts of a run that may not be there: a run may be cut short, older than a part, or edited by hand.
import { basename, dirname } from "node:path";
import type { ZodType } from "zod";
import { DataError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { readOwn } from "../runs/ownFiles.ts";
import { whyUnreadable } from "../systemErrors.ts";
import { escapeInvisible, shorten } from "../text.ts";

/** What takes the place of a part that cannot be shown: why, as a sentence without its full stop. */
export interface Missing {
  readonly missing: string;
}

export function isMissing(part: object): part is Missing {
  return "missing" in part;
}

/** A part that is made from others, as long as none of these is missing. */
export function mapPresent<T extends object, U extends object>(
  part: T | Missing,
  make: (part: T) => U | Missing,
): U | Missing {
  return isMissing(part) ? part : make(part);
}

/** Files of a run are small; whatever is larger is none. */
const largestFile = 64 * 2 ** 20;

/** The text of a file of a run, or why there is none. */
export async function readText(path: string): Promise<{ readonly text: string } | Missing> {
  try {
    const bytes = await readOwn(path, largestFile);
    return bytes ? { text: bytes.toString("utf8") } : notThere(path);
  } catch (error) {
    return whyMissing(path, error);
  }
}

/** What takes the place of a file that the run has not. */
export function notThere(path: string): Missing {
  return { missing: `the run has no ${basename(path)}` };
}

/** What takes the place of a file that cannot be read. Its folder is not named: reports are published. */
export function whyMissing(path: string, error: unknown): Missing {
  const name = escapeInvisible(path);
  const why = error instanceof DataError ? error.message : `${name} ${whyUnreadable(error)}`;
  return { missing: why.replaceAll(`${escapeInvisible(dirname(path))}/`, "") };
}

/** What a JSON file of a run holds, where it has the expected form. */
export async function readJson<T extends object>(
  path: string,
  schema: ZodType<T>,
): Promise<T | Missing> {
  const read = await readText(path);
  return mapPresent(read, ({ text }) => parseForm(text, { name: basename(path), schema }));
}

/** The value of a JSON text, where it has the expected form. */
export function parseForm<T extends object>(
  text: string,
  { name, schema }: { name: string; schema: ZodType<T> },
): T | Missing {
  const value = parseJson(text);
  if (value === undefined) return { missing: `${name} is damaged: it does not hold JSON of a run` };
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const place = (issue?.path ?? []).map(String).join(".");
  const where = place === "" ? "" : `${escapeInvisible(shorten(place))}: `;
  return { missing: `${name} is not what a run writes: ${where}${shorten(issue?.message ?? "")}` };
}
