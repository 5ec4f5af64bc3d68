// The part of a worker that is not the first one: it does what that one decides, and writes nothing.
import type { JobHooks, RunFolder } from "../runs/index.ts";
import type { Group } from "../workers/group.ts";
import { PartDone } from "../workers/partDone.ts";
import type { RunLocation } from "../workers/sharedRun.ts";
import { type Config, parseConfig } from "./configuration.ts";
import type { JobDefinition, JobTypes } from "./definition.ts";
import { executeTogether } from "./execution.ts";
import { assertSame } from "./origin.ts";
import { onOwnDevice, onThisMachine, prepare } from "./preparation.ts";

/** What the first worker shows the others of a run. */
interface Shown {
  readonly config: unknown;
  readonly location: RunLocation;
}

/** Tells the other workers what is to be done, and where. */
export async function show(group: Group, run: RunFolder, config: Config<unknown>): Promise<void> {
  const { directory, files } = run;
  const location = { directory, files };
  await group.share<Shown>(() => ({ config, location }));
}

/** Tells the other workers that there is nothing to do: the run is done. */
export async function showDone(group: Group): Promise<void> {
  await group.share(() => undefined);
}

/** Does what the first worker shows. Throws PartDone at the end, and before it what a job throws. */
export async function follow<J extends JobTypes>(
  definition: JobDefinition<J>,
  group: Group,
  { signal }: JobHooks,
): Promise<never> {
  const shown = await group.share<Shown | undefined>(() => undefined);
  if (!shown) throw new PartDone();
  const { optionsSchema } = definition;
  const { location } = shown;
  const config = parseConfig(shown.config, { path: location.files.config, optionsSchema });
  const hooks = { ...(signal && { signal }) };
  const here = onOwnDevice(onThisMachine(config.options), group);
  const { inputs, options, identity } = await prepare(definition, here, hooks);
  assertSame(identity, config);
  const begun = { options, inputs, location, hooks, group, checkpoint: undefined };
  await executeTogether(definition, begun);
  throw new PartDone();
}
