// `deepobf completion SHELL`: prints a script that lets a shell complete commands and options.
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { escapeInvisible } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { type CompletedCommand, completionScript, shells } from "../completion.ts";
import { hintOf } from "../hints.ts";

/** The command, for the others of its program. */
export function completion(program: Command): void {
  const add = defineCommand({
    name: "completion",
    summary: "print a script that completes commands and options in a shell",
    argument: { name: "SHELL", help: shells.join(", "), words: shells },
    options: {},
    common: ["json"],
    example: "completion bash > ~/.local/share/bash-completion/completions/deepobf",
    failures: [],
    run: async ({ argument }) => {
      const shell = shells.find((known) => known === argument);
      if (!shell) {
        throw new UsageError(
          `SHELL: expected one of ${shells.join(", ")}, received "${escapeInvisible(argument)}"`,
        );
      }
      const script = completionScript(shell, describeCommands(program));
      return { json: { shell, script }, text: script.trimEnd() };
    },
  });
  add(program);
}

function describeCommands({ commands }: Command): CompletedCommand[] {
  const described = commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    words: hintOf(command).words,
    options: command.options
      .filter((option) => option.long && hintOf(option).isListed)
      .map((option) => ({
        flag: option.long!,
        help: option.description,
        value: /<(.*)>/.exec(option.flags)?.[1],
        words: hintOf(option).words,
      })),
  }));
  const names = described.map(({ name }) => name);
  const help = { name: "help", summary: "print the help of a command", words: names, options: [] };
  return [...described, help];
}
