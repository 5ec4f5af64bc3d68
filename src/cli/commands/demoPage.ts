// `deepobf demo-page RUN --out DIR`: both models of a run in the browser, as a folder for any web server.
import { join } from "node:path";
import { escapeInvisible } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { warn } from "../failure.ts";
import { required, text } from "../options.ts";

export const demoPage = defineCommand({
  name: "demo-page",
  summary: "write a page on which both models of a run answer in the browser",
  argument: { name: "RUN", help: "folder of a run of obfuscate" },
  options: {
    out: required(
      text({
        flags: "--out <DIR>",
        help: "folder of the page; must not exist",
        expected: "the path of a folder that does not exist yet",
      }),
    ),
  },
  common: ["config", "json"],
  example: "demo-page runs/resnet20-1 --out page",
  failures: ["model", "data", "resources"],
  run: async ({ argument, options: { out } }) => {
    const { writeDemo } = await import("../../demo/buildDemo.ts");
    await writeDemo(argument, out);
    warn("the folder holds the original, too: show it to those alone who may have that");
    const page = join(out, "index.html");
    return { json: { page }, text: `page: ${escapeInvisible(page)}, for any web server` };
  },
});
