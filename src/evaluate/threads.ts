// How many threads a user may ask for.
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
