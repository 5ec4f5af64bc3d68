// What an option may say. Every kind of value is read and named the same way, whether it comes from the
// command line or from a configuration file.

/** An option of a command. `T` is what the command gets; it includes undefined where the option may be absent. */
export interface Option<T> {
  /** As the command line spells it, such as `--epochs <N>`. */
  readonly flags: string;
  readonly help: string;
  /** Completes "expected ...". */
  readonly expected: string;
  /** What it may be, where that is one of a few words. */
  readonly words?: readonly string[];
  /** The value, or undefined where it is not as expected. */
  readonly read: (given: unknown) => Exclude<T, undefined> | undefined;
  readonly required: boolean;
  readonly fallback: T | undefined;
  /** Key of an option in whose place it stands: where the command line gives one, a file's other one does not count. */
  readonly insteadOf?: string;
  /** Key of an option without which it changes nothing: the command line may not give it then, a file's does not count. */
  readonly onlyWith?: string;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

type Value<O> = O extends Option<infer T> ? T : never;
type AbsentKeys<O> = { [K in keyof O]: undefined extends Value<O[K]> ? K : never }[keyof O];

/** Values of a table's options; what may be absent is left out where it is. */
export type Values<O> = { readonly [K in Exclude<keyof O, AbsentKeys<O>>]: Value<O[K]> } & {
  readonly [K in AbsentKeys<O>]?: Exclude<Value<O[K]>, undefined>;
};

interface Spelling {
  readonly flags: string;
  readonly help: string;
}

interface Range {
  readonly min: number;
  readonly max?: number;
  /** `min` itself is not allowed. */
  readonly above?: boolean;
}

function option<T>(
  { flags, help }: Spelling,
  expected: string,
  read: (given: unknown) => Exclude<T, undefined> | undefined,
): Option<T | undefined> {
  return { flags, help, expected, read, required: false, fallback: undefined };
}

/** The same option, without which the command does not start. */
export function required<T>(optional: Option<T | undefined>): Option<T> {
  return { ...optional, required: true } as Option<T>;
}

/** The same option, which stands in the place of another one. */
export function insteadOf<T>(key: string, option: Option<T>): Option<T> {
  return { ...option, insteadOf: key };
}

/** The same options, which change nothing without another one. */
export function onlyWith<T extends OptionTable>(key: string, table: T): T {
  const entries = Object.entries(table).map(([name, option]) => [
    name,
    { ...option, onlyWith: key },
  ]);
  return Object.fromEntries(entries) as T;
}

/** The same option with the value that it has where nobody gives one. */
export function withDefault<T>(optional: Option<T | undefined>, fallback: T): Option<T> {
  return { ...optional, fallback } as Option<T>;
}

export function integer(spelling: Spelling & Range): Option<number | undefined> {
  return option(spelling, `a whole number ${rangeText(spelling)}`, (given) => {
    const value = toNumber(given);
    return Number.isSafeInteger(value) && inRange(value, spelling) ? value : undefined;
  });
}

export function number(spelling: Spelling & Range): Option<number | undefined> {
  return option(spelling, `a number ${rangeText(spelling)}`, (given) => {
    const value = toNumber(given);
    return inRange(value, spelling) ? value : undefined;
  });
}

/** Numbers between commas; in a configuration file also a list. */
export function numbers(
  spelling: Spelling & Range & { example: string },
): Option<readonly number[] | undefined> {
  return list(spelling, { each: "finite numbers", reader: number(spelling) });
}

/** Whole numbers between commas; in a configuration file also a list. */
export function integers(
  spelling: Spelling & Range & { example: string },
): Option<readonly number[] | undefined> {
  return list(spelling, { each: "whole numbers", reader: integer(spelling) });
}

function list(
  spelling: Spelling & Range & { example: string },
  { each, reader }: { each: string; reader: Option<number | undefined> },
): Option<readonly number[] | undefined> {
  const words = [each, rangeText(spelling), "between commas, such as", spelling.example];
  const expected = words.filter((word) => word !== "").join(" ");
  return option(spelling, expected, (given) => {
    const parts =
      typeof given === "string" ? given.split(",") : Array.isArray(given) ? given : [given];
    const values = parts.map(reader.read).filter((value) => value !== undefined);
    return values.length > 0 && values.length === parts.length ? values : undefined;
  });
}

export function text(spelling: Spelling & { expected: string }): Option<string | undefined> {
  return option(spelling, spelling.expected, (given) =>
    typeof given === "string" && given !== "" ? given : undefined,
  );
}

/** Several texts, as words after the option; in a configuration file a list. */
export function texts(
  spelling: Spelling & { expected: string },
): Option<readonly string[] | undefined> {
  return option<readonly string[]>(spelling, spelling.expected, (given) => {
    const words: readonly unknown[] = Array.isArray(given) ? given : [given];
    const read = words.filter((word): word is string => typeof word === "string" && word !== "");
    return read.length > 0 && read.length === words.length ? read : undefined;
  });
}

/** A text; in a configuration file also a list of them. */
export function textOrTexts(
  spelling: Spelling & { expected: string },
): Option<string | readonly string[] | undefined> {
  const [one, several] = [text(spelling), texts(spelling)];
  return option(spelling, spelling.expected, (given) => one.read(given) ?? several.read(given));
}

/** Text of a certain form. */
export function pattern(
  spelling: Spelling & { expected: string; form: RegExp },
): Option<string | undefined> {
  return option(spelling, spelling.expected, (given) =>
    typeof given === "string" && spelling.form.test(given) ? given : undefined,
  );
}

/** One of several words. */
export function choice<const T extends string>(
  spelling: Spelling & { choices: readonly T[] },
): Option<T | undefined> {
  const { choices } = spelling;
  const expected = choices.length === 2 ? choices.join(" or ") : `one of ${choices.join(", ")}`;
  const read = (given: unknown) =>
    choices.find((known) => known === given) as Exclude<T, undefined> | undefined;
  return { ...option<T>(spelling, expected, read), words: choices };
}

/** Some of several words, between commas; in a configuration file also a list. */
export function choices<const T extends string>(
  spelling: Spelling & { choices: readonly T[] },
): Option<readonly T[] | undefined> {
  const expected = `${spelling.choices.join(" or ")}, or several between commas`;
  const read = (given: unknown) => {
    const words = typeof given === "string" ? given.split(",") : Array.isArray(given) ? given : [];
    const known = spelling.choices.filter((word) => words.includes(word));
    return known.length > 0 && known.length === words.length ? known : undefined;
  };
  const some = option<readonly T[] | undefined>(spelling, expected, read);
  return { ...some, words: spelling.choices };
}

/** One of several words, or a whole number. */
export function choiceOrInteger<const T extends string>(
  spelling: Spelling & Range & { choices: readonly T[] },
): Option<T | number | undefined> {
  const [word, length] = [choice(spelling), integer(spelling)];
  const expected = `${spelling.choices.join(", ")} or ${length.expected}`;
  const read = (given: unknown) =>
    (word.read(given) ?? length.read(given)) as Exclude<T, undefined> | undefined;
  return { ...option<T | number>(spelling, expected, read), words: spelling.choices };
}

/** On where it is given. */
export function flag(spelling: Spelling): Option<boolean> {
  const read = (given: unknown) => (typeof given === "boolean" ? given : undefined);
  return withDefault(option<boolean>(spelling, "true or false", read), false);
}

/** The name of an option without dashes and value: `batch-size` of `--batch-size <N>`. */
export function optionName({ flags }: Option<unknown>): string {
  return flags.replace(/^--/, "").replace(/ .*$/, "");
}

// An empty text would read as 0.
function toNumber(given: unknown): number {
  if (typeof given === "string" && given.trim() !== "") return Number(given);
  return typeof given === "number" ? given : Number.NaN;
}

function inRange(value: number, { min, max, above }: Range): boolean {
  const enough = above ? value > min : value >= min;
  return Number.isFinite(value) && enough && value <= (max ?? Number.MAX_VALUE);
}

function rangeText({ min, max, above }: Range): string {
  if (min === Number.NEGATIVE_INFINITY) return "";
  if (max === undefined) return above ? `above ${min}` : `of at least ${min}`;
  return above ? `above ${min} and up to ${max}` : `from ${min} to ${max}`;
}
