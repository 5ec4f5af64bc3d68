// Recorded commands as blocks of a document.
import { currentCommand } from "../records/commands.ts";

/** The command of each run below its title, as today's product takes it. */
export function commandsOf<Run extends { readonly command: string }>(
  runs: readonly Run[],
  title: (run: Run) => string,
): string {
  const blocks = runs.map((run) => `# ${title(run)}\n${wrap(currentCommand(run.command))}\n`);
  return `\`\`\`\n${blocks.join("\n")}\`\`\``;
}

/** A command over several lines, as a shell reads it. */
function wrap(command: string): string {
  const lines: string[] = [];
  for (const word of command.split(/ (?=--)/)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= 100) lines[lines.length - 1] = longer;
    else lines.push(lines.length === 0 ? word : `    ${word}`);
  }
  return lines.join(" \\\n");
}
