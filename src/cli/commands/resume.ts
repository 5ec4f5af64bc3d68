// `deepobf resume DIR`: continues an interrupted run of any job.
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import { workerOptions } from "../dataOptions.ts";
import type { JobCommand } from "../jobCommand.ts";
import { withWorkers } from "../workers.ts";

/** The command, for the runs of these jobs. */
export function resume(jobs: readonly JobCommand[]): (program: Command) => void {
  return defineCommand({
    name: "resume",
    summary: "continue an interrupted run from its newest checkpoint",
    argument: { name: "DIR", help: "folder of the run" },
    options: { restarts: workerOptions.restarts },
    common: ["json"],
    example: "resume run",
    failures: ["model", "data", "resources", "diverged", "gate", "worker"],
    run: async ({ argument, options: { restarts = 0 }, json }) => {
      const { readConfig } = await import("../../runs/index.ts");
      const { job, options } = await readConfig(argument);
      const command = jobs.find(({ name }) => name === job);
      if (command) {
        const { workers = 1 } = options;
        return withWorkers({ workers, restarts, json }, () => command.resume(argument, json));
      }
      const known = jobs.map(({ name }) => name).join(" or ");
      throw new UsageError(
        `expected the folder of a run of ${known}, but ${argument} is of "${job}"`,
      );
    },
  });
}
