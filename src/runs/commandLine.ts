// The command line that makes a run again, from what the run's config.json has decided.
import { relative } from "node:path";
import { flagOf } from "../optionNames.ts";
import { quoteForShell } from "../text.ts";

/** A run's configuration: the command's name and its options with everything decided. */
export interface Decided {
  readonly job: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const first = ["data", "depth", "epochs", "out"];

/** Options that are paths; the others may look like one, as tensors' names do. */
const paths = new Set(["classes", "data", "extraData", "model", "original", "out", "sourceData"]);

/**
 * The command line of a run. `argument` names the option that the command takes as its argument; every other one is
 * spelled as the command line spells it. Paths below the working directory are relative to it, so that the text can
 * be published.
 */
export function commandLineOf({ job, options }: Decided, argument: string): string {
  const spell = (key: string) => {
    const value = options[key];
    // A list came from the library; the command line takes it from a file.
    if (key === "classes" && Array.isArray(value)) return "CLASSES.json";
    return paths.has(key) ? shortPath(wordOf(value)) : wordOf(value);
  };
  const words = ["deepobf", job, spell(argument)];
  for (const key of inOrder(Object.keys(options))) {
    const value = options[key];
    if (key === argument || value === undefined || value === false) continue;
    words.push(flagOf(key));
    if (value !== true) words.push(spell(key));
  }
  return words.map(quoteForShell).join(" ");
}

/** A value in one word. A config.json edited by hand may hold objects, which no option takes: they are shown as JSON. */
function wordOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(wordOf).join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What people look for comes first, the rest by the alphabet, however the run was asked for. */
function inOrder(keys: readonly string[]): string[] {
  const rank = (key: string) => (first.includes(key) ? String(first.indexOf(key)) : `9${key}`);
  return keys.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** A path as seen from the working directory where it lies below, also behind `cifar10:`; else the text as it is. */
export function shortPath(text: string): string {
  const [, prefix = "", path = text] = /^(\w+:)?(\/.*)$/.exec(text) ?? [];
  const short = relative(process.cwd(), path);
  if (!path.startsWith("/") || short.startsWith("..")) return text;
  const isOption = prefix === "" && short.startsWith("-");
  return prefix + (isOption ? `./${short}` : short || ".");
}
