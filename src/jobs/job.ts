// How a job is started and resumed: its folder, lock, checkpoints, gates and the summary's common part are the same for
// all.
import { assertNew, type JobHooks, RunFolder } from "../runs/index.ts";
import { Group } from "../workers/group.ts";
import { tellLauncher } from "../workers/launch.ts";
import { parseConfig } from "./configuration.ts";
import type { Context, Job, JobDefinition, JobTypes, RunFacts } from "./definition.ts";
import { conclude, execute, type Opened } from "./execution.ts";
import { follow, show, showDone } from "./follower.ts";
import { createRun, freeFolder } from "./newRun.ts";
import { assertEpochs, type JobBasics } from "./options.ts";
import { assertSame } from "./origin.ts";
import { onOwnDevice, onThisMachine, prepare } from "./preparation.ts";
import { assertGates, summaryOf } from "./summary.ts";

/** The training is over: what follows, a single worker does. Throws PartDone on the others. */
export function beginVerifying({ group, hooks }: Context) {
  group.leave();
  tellLauncher({ isAlone: true });
  hooks.onProgress?.({ type: "phase", phase: "verify" });
}

/** A job from its definition. */
export function defineJob<J extends JobTypes>(definition: JobDefinition<J>): Job<J> {
  /** Does the first worker's part, or this one's; that of a process alone is the first one's. */
  const together = async (
    hooks: JobHooks,
    body: (group: Group) => Promise<J["results"] & RunFacts>,
  ) => {
    const group = await Group.meet(hooks.signal);
    return group.guard(() => (group.isFirst ? body(group) : follow(definition, group, hooks)));
  };
  return {
    name: definition.name,
    start: (options, hooks = {}) =>
      together(hooks, (group) => start(definition, options, { group, hooks })),
    resume: (directory, hooks = {}) =>
      together(hooks, (group) => resume(definition, directory, { group, hooks })),
  };
}

async function start<J extends JobTypes>(
  definition: JobDefinition<J>,
  options: J["asked"],
  { group, hooks }: Context,
): Promise<J["results"] & RunFacts> {
  const out = options.out ?? freeFolder(definition.runName(options));
  assertNew(out);
  assertEpochs(options.epochs);
  const { size } = group;
  group.assertAsked(options.workers);
  const asked = { ...options, out, ...(size > 1 && { workers: size }) };
  const prepared = await prepare(definition, onOwnDevice(asked, group), hooks);
  const { inputs, description } = prepared;
  const opened = { ...(await createRun(definition, prepared, options)), group, hooks };
  await announce(opened, description);
  return opened.run.whileLocked(() =>
    execute(definition, { ...opened, inputs, checkpoint: undefined }),
  );
}

async function resume<J extends JobTypes>(
  definition: JobDefinition<J>,
  directory: string,
  context: Context,
): Promise<J["results"] & RunFacts> {
  const { optionsSchema } = definition;
  const { run, config: found } = await RunFolder.open(directory, definition.name);
  const config = parseConfig(found, { path: run.files.config, optionsSchema });
  const opened = { run, config, ...context };
  const isFinished = async () => (await run.readSummary()) !== undefined;
  const giveAgain = () => finishedSummary(definition, opened);
  if (await isFinished()) return (await run.isTidy()) ? giveAgain() : run.whileLocked(giveAgain);
  context.group.assertSize(config.options.workers);
  return run.whileLocked(async () => {
    const isMeanwhile = await isFinished(); // by whoever held the lock
    return isMeanwhile ? giveAgain() : goOn(definition, opened);
  });
}

/** The summary of a finished run. One that was killed behind its summary is concluded first, which needs the lock. */
async function finishedSummary<J extends JobTypes>(
  definition: JobDefinition<J>,
  { run, config, group, hooks }: Opened<J>,
): Promise<J["results"] & RunFacts> {
  await showDone(group);
  group.leave();
  const summary = await summaryOf(definition, run, await run.readSummary());
  if (!(await run.isTidy())) await conclude(definition, run, hooks);
  assertGates(definition, summary, config.options);
  return summary;
}

/** Goes on from the newest checkpoint, from the start where there is none. */
async function goOn<J extends JobTypes>(
  definition: JobDefinition<J>,
  opened: Opened<J>,
): Promise<J["results"] & RunFacts> {
  const { run, config, group, hooks } = opened;
  const checkpoint = await run.readCheckpoint(hooks);
  const options = onOwnDevice(onThisMachine(config.options), group);
  if (options.threads < config.options.threads) {
    hooks.onProgress?.({ type: "note", text: sayFewerThreads(config.options, options) });
  }
  const { inputs, identity, description } = await prepare(definition, options, hooks);
  assertSame(identity, config);
  await announce(opened, description);
  return execute(definition, { ...opened, config: { ...config, options }, inputs, checkpoint });
}

/** Tells who watches, and the other workers, of a run that has its folder. */
async function announce(
  { run, config, group, hooks }: Opened<JobTypes>,
  description: object,
): Promise<void> {
  hooks.onProgress?.({ type: "prepared", job: config.job, description });
  await show(group, run, config);
}

function sayFewerThreads({ threads: before }: JobBasics, { threads: now }: JobBasics): string {
  return (
    `the run began with ${before} threads and goes on with ${now}, as many as this machine has processors: it takes ` +
    "longer, and sums are rounded otherwise, so its file differs a little from that of a run that was not interrupted"
  );
}
