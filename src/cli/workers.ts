// A job in one process, or in several that train together: those of a launcher, or those that are started here.
import { availableParallelism } from "node:os";
import { assertShareable } from "../data/share.ts";
import { UsageError } from "../errors.ts";
import { followLauncher, launch } from "../workers/launch.ts";
import { membership } from "../workers/membership.ts";
import type { Output } from "./command.ts";

/** How a command is started again, and how often. */
export interface WorkerChoice {
  readonly workers: number;
  readonly restarts: number;
  readonly json: boolean;
}

/** More than one a processor are for trying things out; each is a process with a libtorch of its own. */
const mostForEachProcessor = 8;

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

/**
 * Throws UsageError for workers of a new run that this machine is too small for, or that cannot share batches of
 * `batchSize` images, where that is decided. Those of a launcher may be on other machines.
 */
export function assertStartable(workers: number, batchSize?: number): void {
  if (workers === 1 || membership()) return;
  if (batchSize !== undefined) {
    assertShareable({ batch: batchSize, dropLast: true }, { size: workers });
  }
  const most = mostForEachProcessor * availableParallelism();
  if (workers <= most) return;
  throw new UsageError(
    `--workers: expected at most ${most}, ${mostForEachProcessor} for each processor of this machine, ` +
      `received ${workers}`,
  );
}
