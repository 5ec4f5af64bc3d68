// Lists and tables of texts out of strangers' JSON and YAML.
import { parseJson } from "../json.ts";

/** Characters of YAML: to read them may take the square of their number. */
export const mostYaml = 2 ** 18;

/** Brackets in brackets, and marks in a row: lists of texts lie less deep, and the parser's recursion would end the process. */
const mostNested = 32;
const manyMarks = /(?:(?<!\S)[-?:&!*]\S*[ \t]+){32}/;

/** A text, number or truth value, as it is written. */
export interface Scalar {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A table is a list of pairs; undefined is whatever is no plain value. */
export type Value = Scalar | undefined | readonly Value[] | { readonly pairs: readonly Pair[] };
export type Pair = readonly [key: Scalar, value: Value];

/**
 * What a text says as JSON or YAML, which also takes Python's `{0: 'cat'}`; undefined where it is neither, too deep, or
 * YAML of more than `mostYaml` characters.
 */
export async function parsePlain(text: string): Promise<Value> {
  // JSON is YAML, too, which keeps numbers as they are written and keys that are there twice.
  return (await parseYaml(text)) ?? ofJson(parseJson(text));
}

function ofJson(value: unknown): Value {
  if (typeof value === "string") return { text: value, isQuoted: true };
  if (Array.isArray(value)) return value.map(ofJson);
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "object") return { text: String(value), isQuoted: false };
  return {
    pairs: Object.entries(value).map(([text, each]) => [{ text, isQuoted: true }, ofJson(each)]),
  };
}

async function parseYaml(text: string): Promise<Value> {
  if (text.length > mostYaml || isDeep(text)) return undefined;
  const { isMap, isScalar, isSeq, parseDocument } = await import("yaml");
  // Keys that are there twice are found by their numbers; looking for them here takes the square of their number.
  const document = parseDocument(text, {
    schema: "failsafe",
    uniqueKeys: false,
    logLevel: "error",
  });
  if (document.errors.length > 0) return undefined;
  const scalar = (node: unknown): Scalar | undefined => {
    if (!isScalar(node) || typeof node.value !== "string") return undefined;
    const isQuoted = node.type !== "PLAIN";
    return isQuoted || node.value !== "null" ? { text: node.value, isQuoted } : undefined;
  };
  const plain = (node: unknown): Value => {
    if (isSeq(node)) return node.items.map(plain);
    if (!isMap(node)) return scalar(node);
    const pairs = node.items.map(({ key, value }) => [scalar(key), plain(value)] as const);
    return { pairs: pairs.filter((pair): pair is Pair => pair[0] !== undefined) };
  };
  return plain(document.contents);
}

function isDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += "[{".includes(bracket) ? 1 : -1;
    if (depth > mostNested) return true;
  }
  return manyMarks.test(text);
}
