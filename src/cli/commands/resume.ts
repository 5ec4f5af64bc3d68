// `deepobf resume DIR`: continues an interrupted run of any job.
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import type { JobCommand } from "../jobCommand.ts";

/** The command, for the runs of these jobs. */
export function resume(jobs: readonly JobCommand[]): (program: Command) => void {
  return defineCommand({
    name: "resume",
    summary: "continue an interrupted run from its newest checkpoint",
    argument: { name: "DIR", help: "folder of the run" },
    options: {},
    common: ["json"],
    example: "resume run",
    failures: ["model", "data", "resources", "diverged", "gate"],
    run: async ({ argument }) => {
      const { readConfig } = await import("../../runs/index.ts");
      const { job } = await readConfig(argument);
      const command = jobs.find(({ name }) => name === job);
      if (command) return command.resume(argument);
      const known = jobs.map(({ name }) => name).join(" or ");
      throw new UsageError(
        `expected the folder of a run of ${known}, but ${argument} is of "${job}"`,
      );
    },
  });
}
