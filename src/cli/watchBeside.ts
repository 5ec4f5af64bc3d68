// The live view beside a job: a process of its own, so that whoever watches costs the training nothing. It ends with
// the job.
import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../bin/deepobf.js", import.meta.url));

/** Starts the view of the folder that the run `out` is in; its address goes to stderr. */
export function watchBeside(out: string | undefined): void {
  const folder = out === undefined ? resolve("runs") : dirname(resolve(out));
  const watching = spawn(process.execPath, [command, "watch", folder], {
    detached: true, // a Ctrl-C is for the job
    stdio: ["ignore", 2, "ignore", "ipc"],
  });
  watching.on("error", () => {}); // the job goes on unwatched
  watching.unref();
  watching.channel?.unref();
}
