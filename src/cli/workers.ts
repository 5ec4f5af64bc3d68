// A job in one process, or in several that train together: those of a launcher, or those that are started here.
import { followLauncher, launch } from "../workers/launch.ts";
import { membership } from "../workers/membership.ts";
import type { Output } from "./command.ts";

/** How a command is started again, and how often. */
export interface WorkerChoice {
  readonly workers: number;
  readonly restarts: number;
  readonly json: boolean;
}

/**
 * Does the work here where this process works alone or is a worker already; else starts the workers, whose exit code
 * is this process's.
 */
export async function withWorkers(
  { workers, restarts, json }: WorkerChoice,
  work: () => Promise<Output | undefined>,
): Promise<Output | undefined> {
  if (workers === 1 || membership()) {
    followLauncher();
    return work();
  }
  const [program = "", ...words] = process.argv.slice(1);
  const goOn = (run: string) => ["resume", run, ...(json ? ["--json"] : [])];
  process.exitCode = await launch({
    workers,
    restarts,
    command: (run) => [...process.execArgv, program, ...(run === undefined ? words : goOn(run))],
  });
  return undefined;
}

/** Whether this process is a worker that another one speaks for. */
export function isSilent(): boolean {
  return (membership()?.rank ?? 0) > 0;
}
