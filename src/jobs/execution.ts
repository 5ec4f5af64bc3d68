// Executing a prepared run: what all workers do, and what the first one writes of it.
import { keepEvents } from "../runs/eventFile.ts";
import type { JobHooks, RunFolder } from "../runs/index.ts";
import { keepProgress } from "../runs/progressFile.ts";
import { manualSeed, setThreads } from "../torch/index.ts";
import { type RunLocation, shareCheckpoint, sharedRun } from "../workers/sharedRun.ts";
import type { Config } from "./configuration.ts";
import type { Definition, Prepared, RunFacts, Work } from "./definition.ts";
import { explainMemory } from "./memory.ts";
import type { JobBasics } from "./options.ts";
import { assertGates, filesOf, reportComplaint } from "./summary.ts";

/** A run that is to be executed from a checkpoint, or from the start. */
interface Begun<Decided> extends Pick<Work<Decided, unknown>, "hooks" | "checkpoint" | "group"> {
  readonly config: Config<Decided>;
  readonly run: RunFolder;
}

/** A run as every worker has it; the first one has its folder, too. */
interface Shared<Decided> extends Omit<Work<Decided, unknown>, "inputs" | "run"> {
  readonly location: RunLocation;
  readonly run?: RunFolder;
}

/** Executes a run to its summary, as those who watch it see. Throws what the job does, and GateError. */
export async function execute<
  Decided extends JobBasics,
  Inputs,
  Description extends object,
  Results extends object,
>(
  definition: Definition<Decided, Inputs, Description, Results>,
  prepared: Prepared<Decided, Inputs, Description>,
  { hooks, ...rest }: Begun<Decided>,
): Promise<Results & RunFacts> {
  const { run, config } = rest;
  const kept = config.options.tensorboard ? await keepEvents(hooks, run) : hooks;
  const progress = keepProgress(kept, run);
  try {
    return await executeWatched(definition, prepared, { ...rest, hooks: progress.hooks });
  } finally {
    progress.remove();
  }
}

async function executeWatched<
  Decided extends JobBasics,
  Inputs,
  Description extends object,
  Results extends object,
>(
  definition: Definition<Decided, Inputs, Description, Results>,
  { inputs }: Prepared<Decided, Inputs, Description>,
  begun: Begun<Decided>,
): Promise<Results & RunFacts> {
  const { config, run, hooks } = begun;
  const { options, versions } = config;
  const { epochs, seed, device, precision } = options;
  const results = await executeTogether(definition, inputs, { ...begun, location: run, options });
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
  { report }: Pick<Definition<never, never, never, never>, "report">,
  run: RunFolder,
  hooks: JobHooks,
): Promise<void> {
  await report?.(run.directory).catch((error: unknown) => {
    hooks.onProgress?.({ type: "note", text: reportComplaint(run, error) });
  });
  await run.tidy();
}

/** What all workers do. Throws PartDone on all but the first one. */
export async function executeTogether<Decided extends JobBasics, Inputs, Results>(
  definition: Pick<Definition<Decided, Inputs, object, Results>, "execute" | "memory">,
  inputs: Inputs,
  begun: Shared<Decided>,
): Promise<Results> {
  const { options, location, run, hooks, group } = begun;
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
