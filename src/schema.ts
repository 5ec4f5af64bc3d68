// Values out of files that a stranger may have written: a schema (https://zod.dev) says what they must be, and
// a complaint says where they are not.
import { z } from "zod";
import type { DeepObfError } from "./errors.ts";
import { escapeInvisible, shorten } from "./text.ts";

const mostProblems = 5;

/** Whole numbers from 0, shares of 1, and SHA-256 in hexadecimal: what many files hold. */
export const count = z.int().min(0);
export const shareOfOne = z.number().min(0).max(1);
export const sha256Text = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256 in hexadecimal");

/** A figure that may be no number, which JSON writes as null. */
export const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

/** The value as the schema has it. Throws what `complain` makes of a text that names what is wrong, and where. */
export function parseAs<T>(
  schema: z.ZodType<T>,
  value: unknown,
  complain: (problems: string) => DeepObfError,
): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const lines = error.issues.map(({ path, message }) => {
    const where =
      path.length === 0 ? "" : `${shorten(escapeInvisible(path.map(String).join(".")))}: `;
    return where + shorten(escapeInvisible(message.replace("Invalid input: ", "")));
  });
  const left = lines.length - mostProblems;
  const more = left > 0 ? [`and ${left} more`] : [];
  throw complain([...lines.slice(0, mostProblems), ...more].join("\n  "));
}
