// Preparing a run, on the machine that begins it or on another that goes on with it.
import { availableParallelism } from "node:os";
import type { JobHooks } from "../runs/index.ts";
import type { JobDefinition, Located, Prepared } from "./definition.ts";
import { assertFits } from "./memory.ts";
import type { JobBasics } from "./options.ts";

/** Prepares a job. Throws what the job does, and ResourceError where its training would take more memory than is free. */
export async function prepare<Asked, Decided extends JobBasics, Inputs, Description extends object>(
  definition: Pick<
    JobDefinition<Asked, Decided, Inputs, Description, unknown>,
    "prepare" | "memory"
  >,
  options: Located<Asked>,
  hooks: JobHooks,
): Promise<Prepared<Decided, Inputs, Description>> {
  hooks.onProgress?.({ type: "phase", phase: "prepare" });
  const prepared = await definition.prepare(options, hooks);
  assertFits(definition.memory(prepared.inputs, prepared.options), prepared.options.device);
  return prepared;
}

/** The options of a run that may have begun on another machine, with no more threads than this one has processors. */
export function onThisMachine<Decided extends JobBasics>(options: Decided): Decided {
  return { ...options, threads: Math.min(options.threads, availableParallelism()) };
}
