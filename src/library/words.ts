// What the library says of options: failures below name them as the command line spells them, a caller of the
// library writes them in camelCase.
import { DeepObfError } from "../errors.ts";
import { keyOf } from "../optionNames.ts";

/** Does the work; a failure that a user can mend names options as the library does: `batchSize` for `--batch-size`. */
export async function inLibraryWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeepObfError) error.message = renameOptions(error.message);
    throw error;
  }
}

/** Where a line begins to tell a command, whose options stay. */
const command = /\b(npm|npx|apt-get|dnf|pacman|zypper|pip|git|sudo) |\bnode .*?\bbin\/deepobf\.js/;

/** Arguments of the command line, which are options of the library. */
const argumentKeys = { ARCH: "architecture", MODEL: "model" } as const;

/** The message with options as keys. */
export function renameOptions(message: string): string {
  return message
    .split("\n")
    .map((line) => {
      const start = line.search(command);
      return start < 0 ? inKeys(line) : inKeys(line.slice(0, start)) + line.slice(start);
    })
    .join("\n");
}

function inKeys(text: string): string {
  return text
    .replaceAll(/(?<![\w-])--[a-z][a-z-]*/g, (flag) => keyOf(flag))
    .replaceAll(
      /(?<![\w/.-])(ARCH|MODEL)(?![\w/-]|\.\w)/g,
      (_, name: keyof typeof argumentKeys) => argumentKeys[name],
    );
}
