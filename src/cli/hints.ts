// What shells complete of commands and options, beside what commander knows of them.
import type { Command, Option } from "commander";

/** What shells complete of a command's argument or of an option. */
export interface Hint {
  /** What it may be, where that is one of a few words. */
  readonly words: readonly string[];
  /** Whether `--help-all` shows it. */
  readonly isListed: boolean;
}

const hints = new WeakMap<Command | Option, Hint>();

/** Keeps the hint of a command or of an option. */
export function giveHint(part: Command | Option, hint: Hint): void {
  hints.set(part, hint);
}

/** The hint that was given; that of what is listed and may be anything where none was. */
export function hintOf(part: Command | Option): Hint {
  return hints.get(part) ?? { words: [], isListed: true };
}
