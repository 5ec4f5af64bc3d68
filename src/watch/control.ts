// Stopping and resuming runs: what a user would do in a terminal, by a button.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.ts";
import { holderOf } from "../runs/lock.ts";
import { openOwn } from "../runs/ownFiles.ts";
import { throwCannotWrite } from "../systemErrors.ts";
import { type ListedRun, stateOf } from "./runList.ts";

const command = fileURLToPath(new URL("../../bin/deepobf.js", import.meta.url));

/** Asks the job that works on a run to stop, as Ctrl-C does. Throws UsageError where none does. */
export async function stopRun({ directory, name }: ListedRun): Promise<void> {
  // The lock tells the process by its number and its beginning: no other one is ever signalled.
  const pid = await holderOf(directory);
  if (pid === undefined) throw new UsageError(`no process is working on ${name}`);
  process.kill(pid, "SIGINT");
}

/**
 * Starts a process that resumes a run; its messages go to watch.log in the run's folder. Throws UsageError where there is
 * nothing to resume, DataError where watch.log is no file of the run, and ResourceError where it cannot be written.
 */
export async function resumeRun({ directory, name }: ListedRun): Promise<void> {
  const state = await stateOf(directory);
  if (state !== "stopped") throw new UsageError(`${name} is ${state}: there is nothing to resume`);
  const path = join(directory, "watch.log");
  const log = await openOwn(path, "append").catch(throwCannotWrite(path));
  try {
    const resuming = spawn(process.execPath, [command, "resume", directory], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    resuming.on("error", () => {}); // the run stays as it is, which the page shows
    resuming.unref();
  } finally {
    await log.close();
  }
}
