// `deepobf resume DIR`: continues an interrupted run.
import { defineCommand } from "../command.ts";
import { runJob } from "../job.ts";
import { renderSummary, withTableOnMiss } from "../summary.ts";

export const resume = defineCommand({
  name: "resume",
  summary: "continue an interrupted run from its newest checkpoint",
  argument: { name: "DIR", help: "folder of the run" },
  options: {},
  common: ["json"],
  example: "resume run",
  failures: ["model", "data", "resources", "diverged", "gate"],
  run: async ({ argument }) => {
    const { resume } = await import("../../obfuscate/index.ts");
    const summary = await withTableOnMiss(argument, () =>
      runJob((hooks) => resume(argument, hooks)),
    );
    return { json: summary, text: renderSummary(summary) };
  },
});
