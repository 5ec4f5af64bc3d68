// `deepobf init`: writes a commented YAML file of a run's options, to be filled in and given with --config.
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { ownCommand } from "../../../native/remedies.mjs";
import { UsageError } from "../../errors.ts";
import { cannotWrite, systemErrorCode } from "../../systemErrors.ts";
import { escapeInvisible, quoteForShell } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { commonOptions } from "../commonOptions.ts";
import { workerOptions } from "../dataOptions.ts";
import { type OptionTable, optionName, text, withDefault } from "../options.ts";
import { obfuscate, obfuscateOptions } from "./obfuscate.ts";

export const init = defineCommand({
  name: "init",
  summary: "write a commented YAML file with the options of a run",
  options: {
    out: withDefault(
      text({
        flags: "--out <FILE>",
        help: "file to write; must not exist",
        expected: "the path of a file",
      }),
      "deepobf.yaml",
    ),
  },
  common: ["json"],
  example: "init --out deepobf.yaml",
  failures: ["resources"],
  run: async ({ options: { out } }) => {
    writeNew(out, template());
    const next = `${ownCommand} ${obfuscate.name} MODEL.onnx --config ${quoteForShell(out)}`;
    return { json: { file: out, next }, text: `wrote ${escapeInvisible(out)}. Next: ${next}` };
  },
});

/** Writes a file that must not exist; one that the disk cannot hold is not left there by half. */
function writeNew(path: string, content: string): void {
  let file: number | undefined;
  try {
    file = openSync(path, "wx");
    writeFileSync(file, content);
  } catch (error) {
    if (file !== undefined) rmSync(path, { force: true });
    if (systemErrorCode(error) !== "EEXIST") throw cannotWrite(path, error);
    throw new UsageError(
      `--out: expected a file that does not exist, received ${escapeInvisible(path)}`,
      { cause: error },
    );
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const head = `# Options of a run: deepobf ${obfuscate.name} MODEL.onnx --config THIS_FILE
# Options of the command line win over these. Take the mark from a line to set what it says.
`;

/** The text of the file: every option with its help, set where a run needs it, else behind a mark. */
function template(): string {
  const { config: _, json: __, ...common } = commonOptions;
  return [
    head,
    ...Object.values<OptionTable[string]>({ ...obfuscateOptions, ...workerOptions, ...common }),
  ]
    .map((part) => (typeof part === "string" ? part : entry(part)))
    .join("\n");
}

function entry(option: OptionTable[string]): string {
  const { flags, help, required, fallback } = option;
  const [, placeholder = "true"] = /<(.*)>/.exec(flags) ?? [];
  const open = fallback === undefined || fallback === false;
  const value = required ? "images:DIR" : String(open ? placeholder : fallback);
  const line = `${optionName(option)}: ${value}`;
  return `# ${help}${required ? " (needed)" : ""}\n${required ? line : `#${line}`}\n`;
}
