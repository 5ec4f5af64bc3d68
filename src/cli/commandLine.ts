// The command line that makes a run again, from what the run's config.json has decided.

import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { quoteForShell } from "../text.ts";
import { commonOptions } from "./commonOptions.ts";
import { type OptionTable, optionName } from "./options.ts";

/** The command's words and its options with everything decided. */
interface Decided {
  readonly job: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * The command line of the run with this config.json. `argument` names the option that the command takes as its
 * argument. Paths below the working directory are relative to it, so that the text can be published.
 */
export async function commandLineOf(
  config: string,
  { argument, options }: { argument: string; options: OptionTable },
): Promise<string> {
  const decided = JSON.parse(await readFile(config, "utf8")) as Decided;
  return commandLine(decided, { argument, options: { ...options, ...commonOptions } });
}

/** Paths by name, as seen from the working directory. */
export function withShortPaths(paths: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, shortPath(String(path))]),
  );
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
  return words.map(quoteForShell).join(" ");
}

/** A path as seen from the working directory where it lies below, also behind `cifar10:`; else the text as it is. */
function shortPath(text: string): string {
  const [, prefix = "", path = text] = /^(\w+:)?(\/.*)$/.exec(text) ?? [];
  const short = relative(process.cwd(), path);
  return path.startsWith("/") && !short.startsWith("..") ? prefix + short : text;
}
