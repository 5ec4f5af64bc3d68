// `deepobf setup` and `deepobf demo`: scripts of the package, which bring what an installed package needs and show
// the whole on a small model.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { defineCommand } from "../command.ts";
import { text } from "../options.ts";

export const setup = defineCommand({
  name: "setup",
  summary: "find or install what is missing, and build the addon",
  options: {},
  common: [],
  example: "setup",
  failures: ["resources"],
  run: async () => {
    await runScript("setup.mjs");
    return undefined;
  },
});

export const demo = defineCommand({
  name: "demo",
  summary:
    "turn a small ResNet for Fashion-MNIST, which comes along, into a chain of five convolutions",
  options: {
    data: text({
      flags: "--data <FOLDER>",
      help: "folder with the four files of Fashion-MNIST (default: found, or downloaded)",
      expected: "the path of a folder",
    }),
  },
  common: [],
  example: "demo",
  failures: ["model", "data", "resources", "diverged", "gate"],
  run: async ({ options: { data } }) => {
    const isGiven = data !== undefined;
    await runScript("setup.mjs", ...(isGiven ? [] : ["--demo"]));
    if (!process.exitCode) await runScript("demo.mjs", ...(isGiven ? [data] : []));
    return undefined;
  },
});

/** Runs a script of the package; its exit code becomes ours, or 128 and the number of the signal that ended it. */
async function runScript(name: string, ...parameters: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL(`../../../scripts/${name}`, import.meta.url));
  const child = spawn(process.execPath, [script, ...parameters], { stdio: "inherit" });
  process.on("SIGINT", () => {}); // a terminal's Ctrl-C reaches the child, too, which ends as it must
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code, signal] = await once(child, "close");
  process.exitCode = code ?? 128 + constants.signals[signal as NodeJS.Signals];
}
