// The options in a recorded command.

/** Options that the product no longer has, with the value that changed nothing. */
const former: Readonly<Record<string, string>> = { "--cutout": "0", "--overparameterized": "none" };

/** The options of a command by name, such as "--crop" to "2"; a switch leads to "". */
export function optionsOf(command: string): Map<string, string> {
  const words = command.split(" ");
  return new Map(
    words.flatMap((word, i) => {
      if (!word.startsWith("--")) return [];
      const value = words[i + 1] ?? "--";
      return [[word, value.startsWith("--") ? "" : value] as const];
    }),
  );
}

/**
 * What a command works on: the ONNX file without folder and extension (the folder's name, where the file has the
 * name that a run gives it), or the architecture that `train` is given.
 */
export function originalOf(command: string): string {
  const [, , model = ""] = command.split(" ");
  return model.replace(/(\/model)?\.onnx$/, "").replace(/^.*\//, "");
}

/** A command that today's product takes: without former options that changed nothing. */
export function currentCommand(command: string): string {
  return Object.entries(former).reduce(
    (shorter, [option, value]) => shorter.replace(` ${option} ${value}`, ""),
    command,
  );
}

/** The options of each command that not all of them share, as words; those of `apart` are left out. */
export function differences(commands: readonly string[], apart: readonly string[]): string[] {
  const all = commands.map((command) => optionsOf(currentCommand(command)));
  const names = new Set(all.flatMap((options) => [...options.keys()]));
  const varying = [...names].filter(
    (name) => !apart.includes(name) && new Set(all.map((options) => options.get(name))).size > 1,
  );
  return all.map((options) =>
    varying
      .filter((name) => options.has(name))
      .map((name) => `${name} ${options.get(name)}`.trim())
      .join(" "),
  );
}
