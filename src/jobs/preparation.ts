// Preparing a run, on the machine that begins it or on another that goes on with it.
import { threadsHere } from "../evaluate/threads.ts";
import type { JobHooks } from "../runs/index.ts";
import { cudaDevices } from "../torch/index.ts";
import type { Group } from "../workers/group.ts";
import { isLaunched } from "../workers/launch.ts";
import type { JobDefinition, JobTypes, Located, Prepared } from "./definition.ts";
import { assertFits } from "./memory.ts";
import type { JobBasics, RunOptions } from "./options.ts";

/** Prepares a job. Throws what the job does, and ResourceError where its training would take more memory than is free. */
export async function prepare<J extends JobTypes>(
  definition: JobDefinition<J>,
  options: Located<J["asked"] | J["decided"]>,
  hooks: JobHooks,
): Promise<Prepared<J>> {
  hooks.onProgress?.({ type: "phase", phase: "prepare" });
  const prepared = await definition.prepare(options, hooks);
  assertFits(definition.memory(prepared.inputs, prepared.options), prepared.options.device);
  return prepared;
}

/** The options of a run that may have begun on another machine, with no more threads than this one has processors. */
export function onThisMachine<Decided extends JobBasics>(options: Decided): Decided {
  return { ...options, threads: threadsHere(options.threads) };
}

/**
 * The options of one of several workers. On GPUs it has the one of its number on its machine, or the only one that it
 * sees: some launchers show each process its own, but not `--workers`, whose workers all see the same ones.
 */
export function onOwnDevice<Options extends Pick<RunOptions, "device">>(
  options: Options,
  { size, localRank }: Group,
): Options {
  if (size === 1 || !/^cuda(:\d+)?$/.test(options.device ?? "")) return options;
  const isShownItsOwn = !isLaunched() && cudaDevices() === 1;
  return { ...options, device: `cuda:${isShownItsOwn ? 0 : localRank}` };
}
