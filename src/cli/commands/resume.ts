// `deepobf resume DIR`: continues an interrupted run of any job.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { type JobName, readJobConfig } from "../../library/jobs.ts";
import { goingOn } from "../../library/modelFile.ts";
import { defineCommand } from "../command.ts";
import { restarts } from "../dataOptions.ts";
import type { JobCommand } from "../jobCommand.ts";
import { withWorkers } from "../workers.ts";

/** The command, by those of the jobs. */
export function resume(
  commands: Readonly<Record<JobName, JobCommand>>,
): (program: Command) => void {
  return defineCommand({
    name: "resume",
    summary: "continue an interrupted run from its newest checkpoint",
    argument: { name: "DIR", help: "folder of the run" },
    options: { restarts },
    common: ["json"],
    example: "resume run",
    failures: ["model", "data", "resources", "diverged", "gate", "worker"],
    run: async ({ argument, options: { restarts: most = 0 }, json }) => {
      const { job, options } = await readJobConfig(argument);
      const isDone = existsSync(join(argument, "summary.json")); // its result is read alone
      const workers = isDone ? 1 : (options.workers ?? 1);
      return withWorkers({ workers, restarts: most, json }, () =>
        goingOn(options, () => commands[job].resume(argument, json)),
      );
    },
  });
}
