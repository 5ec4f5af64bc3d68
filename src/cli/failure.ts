// The one place where failures become messages and exit codes. What a user can mend is told without a
// stack; everything else is a bug, and its stack is what a report of it needs.

import { DeepObfError, exitCodes, isOutOfMemory } from "../errors.ts";
import { usedUpResource } from "../systemErrors.ts";
import { escapeInvisible, limitMessage, printableLines } from "../text.ts";

export interface Failure {
  readonly message: string;
  readonly exitCode: number;
}

/** What to say about an error, as text that a terminal may show, and how to end. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof DeepObfError) return { message: error.message, exitCode: error.exitCode };
  const { resources, bug } = exitCodes;
  if (!(error instanceof Error)) return { message: bugReport(String(error)), exitCode: bug };
  const { code, path } = error as NodeJS.ErrnoException;
  const reason = usedUpResource(error);
  if (reason) {
    const where = path === undefined ? "" : ` at ${escapeInvisible(path)}`;
    return { message: `${reason}${where} (${code})`, exitCode: resources };
  }
  if (isOutOfMemory(error)) {
    const message = `memory ran out: ${escapeInvisible(error.message.split("\n")[0]!)}`;
    return { message, exitCode: resources };
  }
  return { message: bugReport(error.stack ?? error.message), exitCode: bug };
}

/** Writes what is to say about an error to stderr and gives the exit code. */
export function reportFailure(error: unknown): number {
  const { message, exitCode } = describeFailure(error);
  process.stderr.write(`error: ${message}\n`);
  return exitCode;
}

/** Writes a warning to stderr. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${limitMessage(printableLines(text))}\n`);
}

function bugReport(stack: string): string {
  const lines = limitMessage(printableLines(stack));
  return `this is a bug in DeepObf. Please report it with the command that you ran and these lines:\n${lines}`;
}
