// What a training command prints with `--json`: the summary, and the command line that makes the run again.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import type { RunFiles } from "../train/index.ts";
import { commonOptions } from "./commonOptions.ts";
import { type OptionTable, optionName } from "./options.ts";

/** What every summary holds. */
interface Summary {
  readonly files: RunFiles;
}

/** The command's words and its options with everything decided, from a run's config.json. */
interface Decided {
  readonly job: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * The summary with the command line in front. `argument` names the option that the command takes as
 * its argument. Paths below the working directory are relative to it, so that the text can be published.
 */
export async function runJson(
  summary: Summary,
  { argument, options }: { argument: string; options: OptionTable },
): Promise<object> {
  const decided = JSON.parse(await readFile(summary.files.config, "utf8")) as Decided;
  const files = Object.entries(summary.files).map(([name, path]) => [name, shortPath(path)]);
  return {
    command: commandLine(decided, { argument, options: { ...options, ...commonOptions } }),
    ...summary,
    files: Object.fromEntries(files),
  };
}

function commandLine(
  { job, options: values }: Decided,
  { argument, options }: { argument: string; options: OptionTable },
): string {
  const words = ["deepobf", job, shortPath(String(values[argument]))];
  for (const [key, option] of Object.entries(options)) {
    const value = values[key];
    if (value === undefined || value === false) continue;
    words.push(`--${optionName(option)}`);
    if (value !== true) words.push(shortPath(String(value)));
  }
  return words.map(quoted).join(" ");
}

/** A path as seen from the working directory where it lies below, also behind `cifar10:`; else the text as it is. */
function shortPath(text: string): string {
  const [, prefix = "", path = text] = /^(\w+:)?(\/.*)$/.exec(text) ?? [];
  const short = relative(process.cwd(), path);
  return path.startsWith("/") && !short.startsWith("..") ? prefix + short : text;
}

/** A word as a shell reads it. */
function quoted(word: string): string {
  return /^[\w./:,=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
