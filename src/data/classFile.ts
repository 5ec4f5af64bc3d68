// Names of classes as people keep them: a list in lines, JSON or YAML, a table of numbers and names, and what exporters
// write into a model's metadata (Ultralytics: Python's {0: 'cat'}, which YAML reads, too).
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ModelError, UsageError } from "../errors.ts";
import { readMetadata } from "../onnx/index.ts";
import { whyUnreadable } from "../systemErrors.ts";
import { decodeText } from "../text.ts";
import { mostYaml, type Pair, parsePlain, type Scalar, type Value } from "./plainValues.ts";

/** Where names are in a larger file, and in a model's metadata. */
const namesOfNames = ["names", "classes", "id2label"];

/** Of a file of names. */
const mostBytes = 2 ** 24;
/** How a list or a table begins. */
const structure = /^(?:[[{]|- |["']?\d+["']? *:\s)/;

/** The names in a file, in the order of the numbers that it gives them. Throws UsageError where it holds none. */
export async function readClassFile(path: string): Promise<readonly string[]> {
  if (path.toLowerCase().endsWith(".onnx")) {
    const names = await readClassesOfModel(path);
    if (names) return names;
    throw new UsageError(
      `--classes: expected ${path} to hold the names of its classes as ${namesOfNames.join(", ")} in its metadata`,
    );
  }
  const content = decodeText(await read(path))
    .replace(/\r\n?/g, "\n")
    .trim();
  const names = await findNames(content, path);
  if (names) return names;
  if (!structure.test(content)) return namesOnLines(content, path);
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

/** A name on each line; behind its number where each line has one, as Teachable Machine writes them. */
function namesOnLines(text: string, path: string): readonly string[] {
  const lines = text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  const pairs = lines.flatMap((line) => [...line.matchAll(/^(\d+)\s+(.+)$/g)]);
  const numbers = pairs.map(([, number]) => number!);
  if (numbers.length < lines.length || !arePlaces(numbers)) return lines;
  const names = pairs.map(([, , name]) => name!);
  return inOrder({ names, numbers }, path);
}

/** The names in a list or table, or in one at its top; undefined where the text is neither. Throws UsageError. */
async function findNames(text: string, path: string): Promise<readonly string[] | undefined> {
  const value = await parsePlain(text);
  if (value === undefined && structure.test(text) && text.length > mostYaml) {
    throw new UsageError(
      `--classes: expected at most ${mostYaml} characters of YAML in ${path}, received ${text.length}: write the names as ` +
        "JSON, or each on a line",
    );
  }
  const inside = pairsOf(value)
    .filter(([key]) => namesOfNames.includes(key.text))
    .map(([, each]) => namesIn(each, path));
  return inside.find((names) => names !== undefined) ?? namesIn(value, path);
}

/** The names of a list, or of a table from numbers to names or from names to numbers. */
function namesIn(value: Value, path: string): readonly string[] | undefined {
  if (isList(value)) return areScalars(value) ? textsOf(value) : undefined;
  const pairs = pairsOf(value);
  const [keys, values] = [pairs.map(([key]) => key), pairs.map(([, each]) => each)];
  return pairs.length > 0 && areScalars(values) ? namesOfTable(keys, values, path) : undefined;
}

/** Names, and the number that each of them has. */
interface Numbered {
  readonly names: readonly string[];
  readonly numbers: readonly string[];
}

/**
 * The names of a table. Where both sides are numbers, as `ImageFolder.class_to_idx` of folders that are called by numbers
 * has them, the places are those that are 0 to the last; where both are, quotes tell: nobody quotes a place behind a name.
 */
function namesOfTable(
  keys: readonly Scalar[],
  values: readonly Scalar[],
  path: string,
): readonly string[] | undefined {
  const byKeys = { names: textsOf(values), numbers: textsOf(keys) };
  const byValues = { names: textsOf(keys), numbers: textsOf(values) };
  const possible = [byKeys, byValues].filter(({ numbers }) => areNumbers(numbers));
  const whole = possible.filter(({ numbers }) => arePlaces(numbers));
  if (whole.length < 2) {
    const [reading] = [...whole, ...possible];
    return reading && inOrder(reading, path);
  }
  if (values.every(({ isQuoted }) => isQuoted)) return inOrder(byKeys, path);
  const names = inOrder(byValues, path);
  if (keys.every(({ isQuoted }) => isQuoted)) return names;
  const others = inOrder(byKeys, path);
  if (names.every((name, place) => name === others[place])) return names;
  throw new UsageError(
    `--classes: expected ${path} to tell which of its numbers are names, but both sides of its table are 0 to ` +
      `${names.length - 1}: give a list of the names`,
  );
}

function inOrder({ names, numbers }: Numbered, path: string): string[] {
  const places = [...names.keys()].sort((a, b) => Number(numbers[a]) - Number(numbers[b]));
  const wrong = places.findIndex((place, number) => Number(numbers[place]) !== number);
  if (wrong < 0) return places.map((place) => names[place]!);
  throw new UsageError(
    `--classes: expected ${path} to give its ${names.length} classes the numbers 0 to ${names.length - 1}, each once, ` +
      `but ${Number(numbers[places[wrong]!]) < wrong ? `${wrong - 1} is there twice` : `${wrong} is missing`}`,
  );
}

function pairsOf(value: Value): readonly Pair[] {
  return typeof value === "object" && "pairs" in value ? value.pairs : [];
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function areScalars(values: readonly Value[]): values is readonly Scalar[] {
  return values.every((value) => typeof value === "object" && "text" in value);
}

function textsOf(values: readonly Scalar[]): string[] {
  return values.map(({ text }) => text);
}

function areNumbers(values: readonly string[]): boolean {
  return values.every((value) => /^\d+$/.test(value));
}

/** Whether numbers are 0 to the last, each once. */
function arePlaces(numbers: readonly string[]): boolean {
  const places = new Set(numbers.map(Number));
  return places.size === numbers.length && numbers.every((_, place) => places.has(place));
}
