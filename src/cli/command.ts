// A command is data and one function. This file turns the data into a command of commander, reads the
// options with all complaints at once, and prints what the function gives.
import { type Command, Option as CommanderOption } from "commander";
import { ownCommand } from "../../native/remedies.mjs";
import { exitCodes, UsageError } from "../errors.ts";
import { escapeInvisible, jsonText, printableLines } from "../text.ts";
import { type CommonOption, commonOptions } from "./commonOptions.ts";
import { readConfiguration } from "./configuration.ts";
import { type Option, type OptionTable, optionName, type Values } from "./options.ts";
import type { Reader } from "./runOptions.ts";

/** What a command prints: with `--json` the object, else the text. */
export interface Output {
  readonly json: object;
  readonly text: string;
}

interface Definition<O extends OptionTable> {
  readonly name: string;
  readonly summary: string;
  readonly argument?: {
    readonly name: string;
    readonly help: string;
    /** How the help spells an argument that may be left out or come several times, such as `[RUNS]`. */
    readonly form?: string;
    /** What it may be, for shells that complete it. */
    readonly words?: readonly string[];
  };
  readonly options: O;
  /** The common options that change something here. The others are taken, too, but not listed. */
  readonly common: readonly CommonOption[];
  /** Options that `--help` shows; `--help-all` shows all that change something. By default these are the same. */
  readonly essential?: readonly string[];
  /** A command line after `deepobf`. */
  readonly example: string;
  /** How it can fail, besides by a bug. */
  readonly failures: readonly (keyof typeof exitCodes)[];
  /** Whether SIGINT and SIGTERM are how it ends, with 0. */
  readonly endsBySignal?: boolean;
  readonly run: (invocation: Invocation<O>) => Promise<Output | undefined>;
}

export interface Invocation<O> {
  readonly argument: string;
  /** All of them, where several may be given; none where the only one was left out. */
  readonly given: readonly string[];
  readonly options: Values<O> & Omit<Values<typeof commonOptions>, "config" | "json">;
  /** Whether one JSON object is wanted. */
  readonly json: boolean;
}

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "done",
  bug: "a bug in DeepObf",
  usage: "wrong options",
  model: "the model cannot be used",
  data: "the data cannot be used",
  resources: "disk, memory, device or a library is missing or used up",
  diverged: "training diverged",
  gate: "a quality gate was missed",
  worker: "a worker of a data-parallel training is gone",
};

/** The exit codes as lines of a help text; all of them by default. */
export function describeExitCodes(
  names = Object.keys(exitCodes) as readonly (keyof typeof exitCodes)[],
  { endsBySignal = false }: { endsBySignal?: boolean | undefined } = {},
): string {
  const lines = names.map((name) => `  ${exitCodes[name]} ${meanings[name]}`);
  const ofSignals = endsBySignal ? [] : ["  130 or 143 stopped by a signal"];
  return [...lines, ...ofSignals].join("\n");
}

const helpAll = "--help-all";

function wantsAll(): boolean {
  return process.argv.includes(helpAll);
}

/** A function that adds the command to a program. */
export function defineCommand<O extends OptionTable>(
  definition: Definition<O>,
): (program: Command) => void {
  const { name, summary, argument, common, example, failures, endsBySignal } = definition;
  const listed: readonly string[] = [...Object.keys(definition.options), ...common];
  const { essential = listed } = definition;
  const options: OptionTable = { ...definition.options, ...commonOptions };
  return (program) => {
    const command = program
      .command(name)
      .summary(summary)
      .description(`${capital(summary)}.`);
    if (argument) command.argument(argument.form ?? `<${argument.name}>`, argument.help);
    if (argument?.words) hints.set(command, { words: argument.words, isListed: true });
    for (const [key, option] of Object.entries(options)) {
      const isCommon = Object.hasOwn(commonOptions, key);
      const hidden = !(wantsAll() ? listed : essential).includes(key);
      addOption(command, option, {
        hidden,
        isListed: listed.includes(key),
        group: isCommon ? "Common options:" : "Options:",
      });
    }
    const all = new CommanderOption(helpAll, "print all options").argParser(() => command.help());
    command.addOption(all.hideHelp(listed.length === essential.length));
    command.addHelpText(
      "after",
      `\nExample:\n  deepobf ${example}\n\nExit codes:\n` +
        describeExitCodes(["done", "bug", "usage", ...failures], { endsBySignal }),
    );
    command.action(async (...received: unknown[]) => {
      const given = command.opts<Readonly<Record<string, unknown>>>();
      const words = (argument ? [received[0]].flat() : [])
        .filter((word) => word !== undefined)
        .map(String);
      const values = await readOptions(options, { given, command: name, argument: words[0] });
      const { config: _, json, ...rest } = values;
      const invocation: Invocation<O> = {
        argument: String(words[0]),
        given: words,
        options: rest as Invocation<O>["options"],
        json: json === true,
      };
      const output = await definition.run(invocation);
      if (!output) return;
      process.stdout.write(formatOutput(output, json === true));
    });
  };
}

/** What is printed, with the end of its last line; nothing in it steers a terminal. */
export function formatOutput({ json, text }: Output, wantsJson: boolean): string {
  return `${wantsJson ? jsonText(json) : printableLines(text)}\n`;
}

function addOption(
  command: Command,
  option: Option<unknown>,
  { hidden, isListed, group }: { hidden: boolean; isListed: boolean; group: string },
): void {
  const { flags, help, fallback, required } = option;
  const remarks = [
    ...(required ? [" (needed)"] : []),
    ...(fallback === undefined || fallback === false ? [] : [` (default ${fallback})`]),
  ];
  const described = help + remarks.join("");
  const added = new CommanderOption(flags, described).hideHelp(hidden).helpGroup(group);
  hints.set(added, { words: option.words ?? [], isListed });
  command.addOption(added);
  if (fallback === false) {
    // Off, where a file says on.
    const off = new CommanderOption(flags.replace("--", "--no-")).hideHelp();
    hints.set(off, { words: [], isListed: false });
    command.addOption(off);
  }
}

/** What shells complete of a command's argument or of an option. */
export interface Hint {
  /** What it may be, where that is one of a few words. */
  readonly words: readonly string[];
  /** Whether `--help-all` shows it. */
  readonly isListed: boolean;
}

const hints = new WeakMap<Command | CommanderOption, Hint>();

export function hintOf(part: Command | CommanderOption): Hint {
  return hints.get(part) ?? { words: [], isListed: true };
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
  const path = given.config;
  const configured =
    typeof path === "string"
      ? await readConfiguration(path, { table, given, argument, complaints })
      : {};
  for (const [key, { insteadOf }] of Object.entries(table)) {
    if (given[key] !== undefined && insteadOf !== undefined) delete configured[insteadOf];
  }
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(table)) {
    const fromFile = given[key] === undefined && configured[key] !== undefined;
    const received = fromFile ? configured[key] : given[key];
    if (received === undefined) {
      if (option.required)
        complaints.push(`--${optionName(option)} is missing: expected ${option.expected}`);
      if (option.fallback !== undefined) values[key] = option.fallback;
      continue;
    }
    const isSwallowed = !fromFile && isOption(received);
    const value = isSwallowed ? undefined : option.read(received);
    if (value !== undefined) values[key] = value;
    else {
      const name = fromFile
        ? `"${optionName(option)}" in ${escapeInvisible(String(path))}`
        : `--${optionName(option)}`;
      const shown = typeof received === "string" ? received : JSON.stringify(received);
      const needsQuotes = isBare(received) && option.read(String(received)) !== undefined;
      const hint = isSwallowed ? ", an option" : needsQuotes ? ", which needs quotes there" : "";
      complaints.push(
        `${name}: expected ${option.expected}, received "${escapeInvisible(shown)}"${hint}`,
      );
    }
  }
  for (const [key, option] of Object.entries(table)) {
    const { onlyWith } = option;
    if (onlyWith === undefined || values[onlyWith] !== undefined) continue;
    delete values[key];
    if (given[key] === undefined || given[onlyWith] !== undefined) continue;
    complaints.push(`--${optionName(option)}: only with --${optionName(table[onlyWith]!)}`);
  }
  if (complaints.length > 0) {
    const [only] = complaints;
    const list =
      complaints.length === 1
        ? only
        : `${complaints.length} problems\n${complaints.map((line) => `  ${line}`).join("\n")}`;
    throw new UsageError(`${list}\nSee: ${ownCommand} ${command} --help`);
  }
  return values;
}

/** Whether a file's value is one that would be a text in quotes. */
function isBare(received: unknown): received is number | boolean {
  return typeof received === "number" || typeof received === "boolean";
}

/** Whether what follows an option is another one: its own value is missing. */
function isOption(received: unknown): boolean {
  return [received].flat().some((word) => typeof word === "string" && word.startsWith("--"));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
