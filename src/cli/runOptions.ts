// What the config.json of a run gives to a command: the options as the run decided them, but for what fits neither
// another machine, nor other options, nor the run's own model.
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { threadsHere } from "../evaluate/threads.ts";
import { escapeInvisible } from "../text.ts";
import { isSilent } from "../workers/membership.ts";
import { warn } from "./failure.ts";
import { type OptionTable, optionName } from "./options.ts";

/** A command that options are read for. */
export interface Reader {
  readonly table: OptionTable;
  /** What the command line gives, by key of the table. */
  readonly given: Readonly<Record<string, unknown>>;
  /** The command's argument, where it has one. */
  readonly argument?: string | undefined;
}

/** By which options a run decides others that nobody gives. */
const decidedBy: Readonly<Record<string, readonly string[]>> = {
  batchSize: ["data"],
  crop: ["data", "imageSize", "resizedCrop"],
  epochs: ["data", "depth"],
  labelWeight: ["labels"],
  learningRate: [
    ...["data", "extraData", "holdOut"],
    ...["epochs", "minutes", "depth", "batchSize", "optimizer"],
  ],
  precision: ["device"],
};

/**
 * The options that a run's config.json, read from `path`, gives to a command; undefined where the content is none. Left
 * out are the run's folder, what its command takes as its argument, and what the run may have decided by options that
 * the command line gives otherwise, with a warning. No more threads are asked for than this machine has processors.
 */
export function optionsOfRun(
  content: object,
  path: string,
  reader: Reader,
): Readonly<Record<string, unknown>> | undefined {
  if (!("job" in content && "options" in content && isObject(content.options))) return undefined;
  const { model: _, architecture: __, out: ___, output, threads, ...others } = content.options;
  const options = {
    ...others,
    ...(output !== undefined && !isOfOwnModel(path, reader) && { output }),
    ...(threads !== undefined && {
      threads: typeof threads === "number" ? threadsHere(threads) : threads,
    }),
  };
  const isKept = ([key]: [string, unknown]) => !isDecidedAnew(key, options, { ...reader, path });
  return Object.fromEntries(Object.entries(options).filter(isKept));
}

/** Whether an output is that of a file beside config.json: the run named one of the original, which has others. */
function isOfOwnModel(path: string, { given, argument }: Reader): boolean {
  if (argument === undefined || given.against !== undefined || given.original !== undefined)
    return false;
  return dirname(resolve(argument)) === dirname(resolve(path));
}

/** Whether an option is left open, because the command line gives another one otherwise that may have decided it. */
function isDecidedAnew(
  key: string,
  options: Readonly<Record<string, unknown>>,
  { path, table, given }: Reader & { readonly path: string },
): boolean {
  const option = table[key];
  if (!option || given[key] !== undefined) return false;
  const cause = decidedBy[key]?.find((other) => {
    const read = table[other]?.read;
    return given[other] !== undefined && !isDeepStrictEqual(read?.(given[other]), options[other]);
  });
  if (cause === undefined) return false;
  const [name, other] = [option, table[cause]!].map(optionName);
  if (!isSilent()) {
    warn(
      `--config: --${name} ${options[key]} of ${escapeInvisible(path)} is left out: the run may have decided it by ` +
        `--${other}, which is given otherwise; give --${name}, too, to keep it`,
    );
  }
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
