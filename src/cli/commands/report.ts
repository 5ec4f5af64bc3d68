// `deepobf report RUN...`: what a run did, as a page; of several runs a page that compares them.
import { escapeInvisible } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { text, texts } from "../options.ts";

export const report = defineCommand({
  name: "report",
  summary: "write the report of a run, or a comparison of several, as one HTML file",
  argument: { name: "RUN", help: "folder of a run of obfuscate", form: "<RUN...>" },
  options: {
    attacks: texts({
      flags: "--attacks <DIR...>",
      help: "folders of attack runs on the file of this run",
      expected: "folders of attack runs",
    }),
    out: text({
      flags: "--out <DIR>",
      help: "folder to write to (default: the run's; of several runs the working directory)",
      expected: "the path of a folder",
    }),
  },
  common: ["config", "json"],
  example: "report runs/resnet20-1",
  failures: ["data", "resources"],
  run: async ({ given, options }) => {
    const { writeComparison, writeReport } = await import("../../report/index.ts");
    const [first = "", ...others] = given;
    const files =
      others.length === 0
        ? await writeReport(first, options)
        : await writeComparison(given, options);
    return { json: { files }, text: `report: ${escapeInvisible(files.report)}` };
  },
});
