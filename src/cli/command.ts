// A command is data and one function. This file turns the data into a command of commander, and prints what the function
// gives.
import { type Command, Option as CommanderOption } from "commander";
import type { exitCodes } from "../errors.ts";
import { jsonText, printableLines } from "../text.ts";
import { type CommonOption, commonOptions } from "./commonOptions.ts";
import { describeExitCodes } from "./exitCodes.ts";
import { giveHint } from "./hints.ts";
import type { Option, OptionTable, Values } from "./options.ts";
import { readOptions } from "./readOptions.ts";

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
    if (argument?.words) giveHint(command, { words: argument.words, isListed: true });
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
  giveHint(added, { words: option.words ?? [], isListed });
  command.addOption(added);
  if (fallback === false) {
    // Off, where a file says on.
    const off = new CommanderOption(flags.replace("--", "--no-")).hideHelp();
    giveHint(off, { words: [], isListed: false });
    command.addOption(off);
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
