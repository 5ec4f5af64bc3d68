// Reads a command's options from its command line and its configuration file, with all complaints at once.
import { ownCommand } from "../../native/remedies.mjs";
import { UsageError } from "../errors.ts";
import { escapeInvisible } from "../text.ts";
import { readConfiguration } from "./configuration.ts";
import { type Option, type OptionTable, optionName } from "./options.ts";
import type { Reader } from "./runOptions.ts";

/** What an option got. */
interface Received {
  readonly value: unknown;
  /** The configuration file that says it; undefined where the command line does. */
  readonly file: string | undefined;
}

/**
 * The values of a command's options: from the command line, else from the configuration file, else the
 * default. Throws UsageError with all that is wrong.
 */
export async function readOptions(
  table: OptionTable,
  { command, given, argument }: Omit<Reader, "table"> & { command: string },
): Promise<Readonly<Record<string, unknown>>> {
  const complaints: string[] = [];
  const path = typeof given.config === "string" ? given.config : undefined;
  const configured =
    path === undefined ? {} : await readConfiguration(path, { table, given, argument, complaints });
  for (const [key, { insteadOf }] of Object.entries(table)) {
    if (given[key] !== undefined && insteadOf !== undefined) delete configured[insteadOf];
  }
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(table)) {
    const received =
      given[key] === undefined
        ? { value: configured[key], file: path }
        : { value: given[key], file: undefined };
    if (received.value === undefined) {
      if (option.required)
        complaints.push(`--${optionName(option)} is missing: expected ${option.expected}`);
      if (option.fallback !== undefined) values[key] = option.fallback;
      continue;
    }
    const value = take(option, received);
    if (value === undefined) complaints.push(complaintOf(option, received));
    else values[key] = value;
  }
  complaints.push(...dropIdle(values, { table, given }));
  if (complaints.length > 0) throw refusal(complaints, command);
  return values;
}

/** The value that an option got; undefined where it is none. */
function take(option: Option<unknown>, { value, file }: Received): unknown {
  return file === undefined && isOption(value) ? undefined : option.read(value);
}

function complaintOf(option: Option<unknown>, { value, file }: Received): string {
  const name =
    file === undefined
      ? `--${optionName(option)}`
      : `"${optionName(option)}" in ${escapeInvisible(file)}`;
  const isSwallowed = file === undefined && isOption(value);
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const needsQuotes = isBare(value) && option.read(String(value)) !== undefined;
  const hint = isSwallowed ? ", an option" : needsQuotes ? ", which needs quotes there" : "";
  return `${name}: expected ${option.expected}, received "${escapeInvisible(shown)}"${hint}`;
}

/** Drops values that change nothing without another option. Gives complaints of those on the command line. */
function dropIdle(
  values: Record<string, unknown>,
  { table, given }: Pick<Reader, "table" | "given">,
): string[] {
  const complaints: string[] = [];
  for (const [key, option] of Object.entries(table)) {
    const { onlyWith } = option;
    if (onlyWith === undefined || values[onlyWith] !== undefined) continue;
    delete values[key];
    if (given[key] === undefined || given[onlyWith] !== undefined) continue;
    complaints.push(`--${optionName(option)}: only with --${optionName(table[onlyWith]!)}`);
  }
  return complaints;
}

function refusal(complaints: readonly string[], command: string): UsageError {
  const list =
    complaints.length === 1
      ? complaints[0]
      : `${complaints.length} problems\n${complaints.map((line) => `  ${line}`).join("\n")}`;
  return new UsageError(`${list}\nSee: ${ownCommand} ${command} --help`);
}

/** Whether a file's value is one that would be a text in quotes. */
function isBare(received: unknown): received is number | boolean {
  return typeof received === "number" || typeof received === "boolean";
}

/** Whether what follows an option is another one: its own value is missing. */
function isOption(received: unknown): boolean {
  return [received].flat().some((word) => typeof word === "string" && word.startsWith("--"));
}
