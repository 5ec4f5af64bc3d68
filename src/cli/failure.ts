// The one place where failures become messages and exit codes. What a user can mend is told without a
// stack; everything else is a bug, and its stack is what a report of it needs.

import { DeepObfError, exitCodes, isOutOfMemory } from "../errors.ts";
import { escapeInvisible, limitMessage } from "../text.ts";
import { printableLines } from "./printable.ts";

export interface Failure {
  readonly message: string;
  readonly exitCode: number;
}

/** Errors of the operating system that tell of used-up or forbidden resources. */
const systemReasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large for the file system",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EIO: "the disk reports an input/output error",
  ENOMEM: "memory ran out",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/** What to say about an error, and how to end. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof DeepObfError) return { message: error.message, exitCode: error.exitCode };
  const { resources, bug } = exitCodes;
  if (!(error instanceof Error)) return { message: bugReport(String(error)), exitCode: bug };
  const { code, path } = error as NodeJS.ErrnoException;
  const reason = systemReasons[code ?? ""];
  if (reason) {
    const where = path === undefined ? "" : ` at ${escapeInvisible(path)}`;
    return { message: `${reason}${where} (${code})`, exitCode: resources };
  }
  if (isOutOfMemory(error)) {
    const message = `memory ran out: ${error.message.split("\n")[0]}\nTry a smaller --batch-size`;
    return { message, exitCode: resources };
  }
  return { message: bugReport(error.stack ?? error.message), exitCode: bug };
}

/** Writes what is to say about an error to stderr and gives the exit code. */
export function reportFailure(error: unknown): number {
  const { message, exitCode } = describeFailure(error);
  process.stderr.write(`error: ${limitMessage(printableLines(message))}\n`);
  return exitCode;
}

/** Writes a warning to stderr. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${limitMessage(printableLines(text))}\n`);
}

function bugReport(stack: string): string {
  return `this is a bug in DeepObf. Please report it with the command that you ran and these lines:\n${stack}`;
}
