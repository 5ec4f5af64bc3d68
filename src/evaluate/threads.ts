// How many threads compute on this machine.
import { availableParallelism } from "node:os";
import { UsageError } from "../errors.ts";

/** More threads than processors only wait for each other. Throws UsageError for so many. */
export function assertThreads(threads: number | undefined): void {
  const processors = availableParallelism();
  if (threads === undefined || threads <= processors) return;
  throw new UsageError(
    `--threads: expected at most ${processors}, the processors of this machine, received ${threads}`,
  );
}

/** As many threads as were used or asked for elsewhere, at most one for each of this machine's processors. */
export function threadsHere(threads: number): number {
  return Math.min(threads, availableParallelism());
}
