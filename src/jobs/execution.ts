// Executing a prepared run: what all workers do, and what the first one writes of it.
import { keepEvents } from "../runs/eventFile.ts";
import type { JobHooks, RunFolder } from "../runs/index.ts";
import { keepProgress } from "../runs/progressFile.ts";
import { manualSeed, setThreads } from "../torch/index.ts";
import { type RunLocation, shareCheckpoint, sharedRun } from "../workers/sharedRun.ts";
import type { Config } from "./configuration.ts";
import type { Context, JobDefinition, JobTypes, RunFacts, Work } from "./definition.ts";
import { explainMemory } from "./memory.ts";
import { assertGates, filesOf, reportComplaint } from "./summary.ts";

/** A run whose folder is there. */
export interface Opened<J extends JobTypes> extends Context {
  readonly run: RunFolder;
  readonly config: Config<J["decided"]>;
}

/** A run that is to be executed from a checkpoint, or from the start. */
type Begun<J extends JobTypes> = Opened<J> & Pick<Work<J>, "inputs" | "checkpoint">;

/** Executes a run to its summary, as those who watch it see. Throws what the job does, and GateError. */
export async function execute<J extends JobTypes>(
  definition: JobDefinition<J>,
  begun: Begun<J>,
): Promise<J["results"] & RunFacts> {
  const { run, config, hooks } = begun;
  const kept = config.options.tensorboard ? await keepEvents(hooks, run) : hooks;
  const progress = keepProgress(kept, run);
  try {
    return await executeWatched(definition, { ...begun, hooks: progress.hooks });
  } finally {
    progress.remove();
  }
}

async function executeWatched<J extends JobTypes>(
  definition: JobDefinition<J>,
  begun: Begun<J>,
): Promise<J["results"] & RunFacts> {
  const { config, run, hooks } = begun;
  const { options, versions } = config;
  const { epochs, seed, device, precision } = options;
  const results = await executeTogether(definition, { ...begun, location: run, options });
  const summary = {
    ...results,
    epochs,
    seed,
    device,
    precision,
    seconds: run.seconds,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    versions,
    modelSha256: (await run.modelSha256()) ?? null,
    setbacks: await run.metrics.setbacks(),
    files: filesOf(definition, run),
  };
  await run.finish(summary);
  await conclude(definition, run, hooks);
  assertGates(definition, summary, options);
  return summary;
}

/** Does what follows a run's summary: writes its report, then removes what only its making needed. */
export async function conclude(
  { report }: Pick<JobDefinition<JobTypes>, "report">,
  run: RunFolder,
  hooks: JobHooks,
): Promise<void> {
  await report?.(run.directory).catch((error: unknown) => {
    hooks.onProgress?.({ type: "note", text: reportComplaint(run, error) });
  });
  await run.tidy();
}

/** What all workers do; the first one has the run's folder, too. Throws PartDone on all but that one. */
export async function executeTogether<J extends JobTypes>(
  definition: JobDefinition<J>,
  begun: Omit<Work<J>, "run"> & { readonly location: RunLocation; readonly run?: RunFolder },
): Promise<J["results"]> {
  const { options, inputs, location, run, hooks, group } = begun;
  setThreads(options.threads);
  manualSeed(options.seed + group.rank);
  await group.join();
  const checkpoint = await shareCheckpoint(begun.checkpoint, group);
  const shared = sharedRun(location, run, group);
  const work = { options, inputs, run: shared, hooks, checkpoint, group };
  const results = await definition.execute(work).catch((error: unknown) => {
    throw explainMemory(error, definition.memory(inputs, options));
  });
  group.leave();
  return results;
}
