// `deepobf resume DIR`: continues an interrupted run, of whichever job it is.
import { defineCommand } from "../command.ts";
import { trainingOptions } from "../dataOptions.ts";
import { runJob } from "../job.ts";
import { runJson } from "../runJson.ts";
import { renderSummary, withTableOnMiss } from "../summary.ts";
import { obfuscateOptions } from "./obfuscate.ts";
import { renderTraining } from "./train.ts";

export const resume = defineCommand({
  name: "resume",
  summary: "continue an interrupted run from its newest checkpoint",
  argument: { name: "DIR", help: "folder of the run" },
  options: {},
  common: ["json"],
  example: "resume run",
  failures: ["model", "data", "resources", "diverged", "gate"],
  run: async ({ argument }) => {
    const { readConfig, resumeReference } = await import("../../train/index.ts");
    if ((await readConfig(argument)).job === "train") {
      const summary = await runJob((hooks) => resumeReference(argument, hooks));
      const json = await runJson(summary, { argument: "architecture", options: trainingOptions });
      return { json, text: renderTraining(summary) };
    }
    const { resume } = await import("../../obfuscate/index.ts");
    const summary = await withTableOnMiss(argument, () =>
      runJob((hooks) => resume(argument, hooks)),
    );
    const json = await runJson(summary, { argument: "model", options: obfuscateOptions });
    return { json, text: renderSummary(summary) };
  },
});
