// Names of classes as people keep them: a list in lines, JSON or YAML, a table of numbers and names, and what exporters
// write into a model's metadata (Ultralytics: Python's {0: 'cat'}, which YAML reads, too).
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ModelError, UsageError } from "../errors.ts";
import { readMetadata } from "../onnx/index.ts";
import { whyUnreadable } from "../systemErrors.ts";

/** Where names are in a larger file, and in a model's metadata. */
const namesOfNames = ["names", "classes", "id2label"];

/** Of a file of names. */
const mostBytes = 2 ** 24;
/** Of what is read as YAML, which may take the square of its length; longer texts are names on lines. */
const mostYaml = 2 ** 18;
/** Brackets in brackets, and marks in a row: names lie less deep, and the parser's recursion would end the process. */
const mostNested = 32;
const manyMarks = /(?:[-?:&!*]\S*[ \t]+){33}/;

/** A value of YAML or JSON: every scalar is a text, a table a list of pairs; undefined for whatever is no plain value. */
type Value = string | undefined | readonly Value[] | { readonly pairs: readonly Pair[] };
type Pair = readonly [key: string, value: Value];

/** The names in a file, in the order of the numbers that it gives them. Throws UsageError where it holds none. */
export async function readClassFile(path: string): Promise<readonly string[]> {
  if (path.toLowerCase().endsWith(".onnx")) {
    const names = await readClassesOfModel(path);
    if (names) return names;
    throw new UsageError(
      `--classes: expected ${path} to hold the names of its classes as ${namesOfNames.join(", ")} in its metadata`,
    );
  }
  const content = decode(await read(path))
    .replace(/\r\n?/g, "\n")
    .trim();
  const names = await findNames(content, path);
  if (names) return names;
  if (!/^(?:[[{]|- |["']?\d+["']? *:\s)/.test(content)) return namesOnLines(content, path);
  throw new UsageError(
    `--classes: expected ${path} to hold a list of names, such as ["cat", "dog"], or a table, such as {"0": "cat"}`,
  );
}

/**
 * The names that a model's file gives its classes; undefined where it gives none. Throws UsageError where it is no model,
 * or what it gives cannot be understood.
 */
export async function readClassesOfModel(path: string): Promise<readonly string[] | undefined> {
  const texts = await readMetadata(path).catch((cause: unknown) => {
    if (!(cause instanceof ModelError)) throw cause;
    throw new UsageError(`--classes: ${cause.message}`, { cause });
  });
  for (const key of namesOfNames) {
    const text = texts.find((each) => each.startsWith(`${key}=`))?.slice(key.length + 1);
    if (text === undefined) continue;
    const separator = /\n/.test(text) ? "\n" : ",";
    const list = text.split(separator).map((name) => name.trim());
    const names = (await findNames(text, path)) ?? (list.length > 1 ? list : undefined);
    if (names) return names;
  }
  return undefined;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    // Not blocking: to open a pipe would wait for a writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await file.stat();
    if (!facts.isFile() && !facts.isDirectory()) throw new Error("it is no regular file");
    // Some files have another size than they say.
    const bytes = Buffer.concat(await file.createReadStream({ end: mostBytes }).toArray());
    if (bytes.length <= mostBytes) return bytes;
  } catch (cause) {
    throw new UsageError(
      `--classes: expected a file with the names of the classes, but ${path} ${whyUnreadable(cause)}`,
      { cause },
    );
  }
  throw new UsageError(`--classes: expected at most ${mostBytes} bytes of names in ${path}`);
}

/** UTF-8, or UTF-16 where the text begins with that mark, as PowerShell writes it. */
function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  return new TextDecoder(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8").decode(bytes);
}

/** A name on each line; behind its number where each line has one, as Teachable Machine writes them. */
function namesOnLines(text: string, path: string): readonly string[] {
  const lines = text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  const pairs = lines.flatMap((line) => [...line.matchAll(/^(\d+)\s+(.+)$/g)]);
  const numbers = pairs.map(([, number]) => number!);
  const places = new Set(numbers.map(Number).filter((number) => number < lines.length));
  if (places.size < lines.length) return lines;
  const names = pairs.map(([, , name]) => name!);
  return inOrder(names, { numbers, path });
}

/** The names in a list or table, or in one at its top; undefined where the text is neither. Throws UsageError. */
async function findNames(text: string, path: string): Promise<readonly string[] | undefined> {
  const value = await parse(text);
  const inside = pairsOf(value)
    .filter(([key]) => namesOfNames.includes(key))
    .map(([, each]) => namesIn(each, path));
  return inside.find((names) => names !== undefined) ?? namesIn(value, path);
}

/** The names of a list, or of a table from numbers to names or from names to numbers. */
function namesIn(value: Value, path: string): readonly string[] | undefined {
  if (isList(value)) return areTexts(value) ? value : undefined;
  const pairs = pairsOf(value);
  const [keys, values] = [pairs.map(([key]) => key), pairs.map(([, each]) => each)];
  if (pairs.length === 0 || !areTexts(values)) return undefined;
  if (areNumbers(keys)) return inOrder(values, { numbers: keys, path });
  return areNumbers(values) ? inOrder(keys, { numbers: values, path }) : undefined;
}

function inOrder(
  names: readonly string[],
  { numbers, path }: { readonly numbers: readonly string[]; readonly path: string },
): string[] {
  const places = [...names.keys()].sort((a, b) => Number(numbers[a]) - Number(numbers[b]));
  const wrong = places.findIndex((place, number) => Number(numbers[place]) !== number);
  if (wrong < 0) return places.map((place) => names[place]!);
  throw new UsageError(
    `--classes: expected ${path} to give its ${names.length} classes the numbers 0 to ${names.length - 1}, each once, ` +
      `but ${Number(numbers[places[wrong]!]) < wrong ? `${wrong - 1} is there twice` : `${wrong} is missing`}`,
  );
}

/** What a text says as YAML, of which JSON is a part; undefined where it is none, a text alone, too long or too deep. */
async function parse(text: string): Promise<Value> {
  if (text.length > mostYaml || isDeep(text)) return undefined;
  const { isMap, isScalar, isSeq, parseDocument } = await import("yaml");
  // Keys that are there twice are found by their numbers; looking for them here takes the square of their number.
  const document = parseDocument(text, {
    schema: "failsafe",
    uniqueKeys: false,
    logLevel: "error",
  });
  if (document.errors.length > 0) return undefined;
  const plain = (node: unknown): Value => {
    if (isScalar(node)) return typeof node.value === "string" ? node.value : undefined;
    if (isSeq(node)) return node.items.map(plain);
    if (!isMap(node)) return undefined;
    const pairs = node.items.map(({ key, value }) => [plain(key), plain(value)] as const);
    return { pairs: pairs.filter((pair): pair is Pair => typeof pair[0] === "string") };
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

function pairsOf(value: Value): readonly Pair[] {
  return typeof value === "object" && "pairs" in value ? value.pairs : [];
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function areTexts(values: readonly Value[]): values is readonly string[] {
  return values.every((value) => typeof value === "string");
}

function areNumbers(values: readonly string[]): boolean {
  return values.every((value) => /^\d+$/.test(value));
}
