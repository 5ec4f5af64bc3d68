// `deepobf watch [RUNS]`: the runs of a folder in the browser, those at work live.
import { defineCommand } from "../command.ts";
import { doorTo, openWithDesktop } from "../openPage.ts";
import { flag, integer, withDefault } from "../options.ts";

export const watch = defineCommand({
  name: "watch",
  summary: "show the runs of a folder in the browser, those at work live",
  argument: {
    name: "RUNS",
    help: "folder of runs, or of one run (default: runs)",
    form: "[RUNS]",
  },
  options: {
    port: withDefault(
      integer({
        flags: "--port <N>",
        help: "of 127.0.0.1; 0 takes any free one",
        min: 0,
        max: 65_535,
      }),
      0,
    ),
    open: flag({ flags: "--open", help: "open the browser" }),
  },
  common: ["config", "json"],
  example: "watch runs --open",
  failures: ["resources"],
  endsBySignal: true,
  run: async ({ given, options, json }) => {
    const { serveRuns } = await import("../../watch/server.ts");
    await using server = await serveRuns(given[0] ?? "runs", options.port);
    const line = json ? JSON.stringify({ url: server.url }) : server.url;
    process.stdout.write(`${line}\n`);
    await using door = options.open ? await doorTo(server.url) : undefined;
    if (door) openWithDesktop(door.file);
    process.stderr.write("Ctrl-C ends the view; runs go on.\n");
    await stopped();
    return undefined;
  },
});

/** Until a signal, or the end of whoever started this process and keeps its channel. */
function stopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    process.once("disconnect", () => resolve());
  });
}
