// What the library says of options: failures below name them as the command line spells them, a caller of the
// library writes them in camelCase.
import { DeepObfError } from "../errors.ts";

/** Does the work; a failure that a user can mend names options as the library does: `batchSize` for `--batch-size`. */
export async function inLibraryWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeepObfError) error.message = renameOptions(error.message);
    throw error;
  }
}

/** Lines that tell a command of another program keep its options. */
const otherProgram = /\b(npm|npx|apt-get|dnf|pacman|zypper|pip|git|sudo) /;

/** The message with options as keys. */
export function renameOptions(message: string): string {
  return message
    .split("\n")
    .map((line) =>
      otherProgram.test(line)
        ? line
        : line.replaceAll(/(?<![\w-])--([a-z][a-z-]*)/g, (_, name: string) => camelCase(name)),
    )
    .join("\n");
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
