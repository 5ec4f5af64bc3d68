// How a job is started and resumed: its folder, lock, checkpoints, gates and the answer's common part are the same for
// all.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { DataError, ModelError, UsageError } from "../errors.ts";
import { keepEvents } from "../runs/eventFile.ts";
import { assertNew, configError, type JobHooks, RunFolder } from "../runs/index.ts";
import { keepProgress } from "../runs/progressFile.ts";
import { parseAs } from "../schema.ts";
import {
  addonVersion,
  type Device,
  libtorchVersion,
  manualSeed,
  setThreads,
} from "../torch/index.ts";
import { ownVersion } from "../version.ts";
import { Group } from "../workers/group.ts";
import { tellLauncher } from "../workers/launch.ts";
import { PartDone } from "../workers/partDone.ts";
import { type RunPlace, shareCheckpoint, sharedRun } from "../workers/sharedRun.ts";
import { filesOf, judge, readAnswer, reportComplaint } from "./answer.ts";
import type {
  Identity,
  Job,
  JobDefinition,
  Located,
  Prepared,
  RunFacts,
  Work,
} from "./definition.ts";
import { assertFits, explainMemory } from "./memory.ts";
import { assertEpochs, type JobBasics, type JobOptions } from "./options.ts";
import { configSchema } from "./schema.ts";

/** The training is over: what follows, a single worker does. Throws PartDone on the others. */
export function beginVerifying({ group, hooks }: Pick<Work<unknown, unknown>, "group" | "hooks">) {
  group.leave();
  tellLauncher({ isAlone: true });
  hooks.onProgress?.({ type: "phase", phase: "verify" });
}

/** What config.json of a run holds. */
interface Config<Decided> {
  readonly job: string;
  readonly options: Decided;
  readonly identity: Identity;
  readonly description: object;
  readonly versions: Readonly<Record<string, string>>;
}

/** A run that is to be executed from a checkpoint, or from the start. */
interface Begun<Decided> extends Pick<Work<Decided, unknown>, "hooks" | "checkpoint" | "group"> {
  readonly config: Config<Decided>;
  readonly run: RunFolder;
}

/** What the first worker shows the others of a run. */
interface Shown {
  readonly config: unknown;
  readonly place: RunPlace;
}

/** A run as every worker has it; the first one has its folder, too. */
interface Shared<Decided> extends Omit<Work<Decided, unknown>, "inputs" | "run"> {
  readonly place: RunPlace;
  readonly run?: RunFolder;
}

/** A job from its definition. */
export function defineJob<
  Asked extends JobOptions,
  Decided extends Asked & JobBasics,
  Inputs,
  Description extends object,
  Results extends object,
>(
  definition: JobDefinition<Asked, Decided, Inputs, Description, Results>,
): Job<Asked, Description, Results> {
  const { name } = definition;

  const prepare = async (options: Located<Asked>, hooks: JobHooks) => {
    hooks.onProgress?.({ type: "phase", phase: "prepare" });
    const prepared = await definition.prepare(options, hooks);
    assertFits(definition.memory(prepared.inputs, prepared.options), prepared.options.device);
    return prepared;
  };

  const execute = async (
    prepared: Prepared<Decided, Inputs, Description>,
    { hooks, ...rest }: Begun<Decided>,
  ) => {
    const { run, config } = rest;
    const kept = config.options.tensorboard ? await keepEvents(hooks, run) : hooks;
    const progress = keepProgress(kept, run);
    try {
      return await executeWatched(prepared, { ...rest, hooks: progress.hooks });
    } finally {
      progress.remove();
    }
  };

  const executeWatched = async (
    { inputs, description }: Prepared<Decided, Inputs, Description>,
    begun: Begun<Decided>,
  ) => {
    const { config, run, hooks } = begun;
    const { options, versions } = config;
    const { epochs, seed, device, precision } = options;
    hooks.onProgress?.({ type: "prepared", job: name, description });
    const results = await executeTogether(inputs, { ...begun, place: run, options });
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
    await definition.report?.(run.directory).catch((error: unknown) => {
      hooks.onProgress?.({ type: "note", text: reportComplaint(run, error) });
    });
    return judge(definition, summary, options);
  };

  /** What all workers do. Throws PartDone on all but the first one. */
  const executeTogether = async (inputs: Inputs, begun: Shared<Decided>) => {
    const { options, place, run, hooks, group } = begun;
    setThreads(options.threads);
    manualSeed(options.seed + group.rank);
    await group.join();
    const checkpoint = await shareCheckpoint(begun.checkpoint, group);
    const work = { options, inputs, run: sharedRun(place, run, group), hooks, checkpoint, group };
    const results = await definition.execute(work).catch((error: unknown) => {
      throw explainMemory(error, definition.memory(inputs, options));
    });
    group.leave();
    return results;
  };

  /** The part of a worker that is not the first one: it reads what that one decides, and writes nothing. */
  const follow = async (group: Group, { signal }: JobHooks): Promise<never> => {
    const known = await group.share<Shown | undefined>(() => undefined);
    if (!known) throw new PartDone();
    const { config: shown, place } = known;
    const config = readConfiguration(shown, place.files.config);
    const hooks = { ...(signal && { signal }) };
    const device = deviceOf(config.options.device, group);
    const prepared = await prepare({ ...onThisMachine(config.options), device }, hooks);
    assertSame({ identity: prepared.identity, versions: versions() }, config);
    const { inputs, options } = prepared;
    await executeTogether(inputs, { options, place, hooks, group, checkpoint: undefined });
    throw new PartDone();
  };

  /** Does the first worker's part, or this one's; that of a process alone is the first one's. */
  const together = async (hooks: JobHooks, body: (group: Group) => Promise<Results & RunFacts>) => {
    const group = await Group.meet();
    return group.guard(() => (group.isFirst ? body(group) : follow(group, hooks)), hooks.signal);
  };

  /** Makes the run's folder: a free one where none was asked for, though others began meanwhile. */
  const createRun = async (
    { options: decided, identity, description }: Prepared<Decided, Inputs, Description>,
    asked: Asked,
  ) => {
    for (let out = decided.out; ; out = resolve(freeFolder(definition.runName(asked)))) {
      const options = { ...decided, out };
      const config = { job: name, options, identity, description, versions: versions() };
      readConfiguration(JSON.parse(JSON.stringify(config)), out);
      tellLauncher({ directory: out }); // it may have to go on with the run from its first moment on
      try {
        return { run: await RunFolder.create(out, config), config };
      } catch (error) {
        if (asked.out !== undefined || !existsSync(out)) throw error;
      }
    }
  };

  const readConfiguration = (config: unknown, path: string): Config<Decided> => {
    const schema = configSchema(definition.optionsSchema);
    return parseAs(schema, config, (problems) => configError(path, problems));
  };

  return {
    name,
    start: (options, hooks = {}) =>
      together(hooks, async (group) => {
        const out = options.out ?? freeFolder(definition.runName(options));
        assertNew(out);
        assertEpochs(options.epochs);
        const { size } = group;
        group.assertAsked(options.workers);
        const asked = { ...options, out, ...(size > 1 && { workers: size }) };
        const prepared = await prepare(asked, hooks);
        const { run, config } = await createRun(prepared, options);
        await show(group, run, config);
        return run.whileLocked(() =>
          execute(prepared, { config, run, hooks, checkpoint: undefined, group }),
        );
      }),
    resume: (directory, hooks = {}) =>
      together(hooks, async (group) => {
        const opened = await RunFolder.open(directory, name);
        const { run } = opened;
        const config = readConfiguration(opened.config, run.files.config);
        const answer = async () => {
          const finished = await run.readSummary();
          if (finished === undefined) return undefined;
          await group.share(() => undefined);
          return judge(definition, await readAnswer(definition, run, finished), config.options);
        };
        const known = await answer();
        if (known) return known;
        group.assertSize(config.options.workers);
        return run.whileLocked(async () => {
          const meanwhile = await answer(); // whoever held the lock may have finished the run
          if (meanwhile) return meanwhile;
          const checkpoint = await run.readCheckpoint(hooks);
          const options = onThisMachine(config.options);
          if (options.threads < config.options.threads) {
            hooks.onProgress?.({ type: "note", text: sayFewerThreads(config.options, options) });
          }
          const prepared = await prepare(options, hooks);
          assertSame({ identity: prepared.identity, versions: versions() }, config);
          await show(group, run, config);
          return execute(prepared, {
            config: { ...config, options },
            run,
            hooks,
            checkpoint,
            group,
          });
        });
      }),
  };
}

/** The options of a run that may have begun on another machine, with no more threads than this one has processors. */
function onThisMachine<Decided extends JobBasics>(options: Decided): Decided {
  return { ...options, threads: Math.min(options.threads, availableParallelism()) };
}

function sayFewerThreads({ threads: before }: JobBasics, { threads: now }: JobBasics): string {
  return (
    `the run began with ${before} threads and goes on with ${now}, as many as this machine has processors: it takes ` +
    "longer, and sums are rounded otherwise, so its file differs a little from that of a run that was not interrupted"
  );
}

/** Tells the other workers what is to be done, and where. */
function show(group: Group, run: RunFolder, config: Config<unknown>): Promise<Shown> {
  const { directory, files, checkpointSeconds } = run;
  return group.share(() => ({ config, place: { directory, files, checkpointSeconds } }));
}

/** The device of this worker: that of its number among the workers of its machine. */
function deviceOf(device: Device, { localRank }: Group): Device {
  return device === "cpu" ? device : `cuda:${localRank}`;
}

/** The first of runs/NAME-1, runs/NAME-2, ... that is free. */
function freeFolder(name: string): string {
  for (let number = 1; ; number++) {
    const folder = join("runs", `${name}-${number}`);
    if (!existsSync(folder)) return folder;
  }
}

type Origin = Pick<Config<unknown>, "identity" | "versions">;

/** Throws ModelError, DataError or UsageError where something is not what the run began with. */
function assertSame(now: Origin, before: Origin): void {
  const complain = (what: string, expected: string | undefined, found: string | undefined) =>
    `${what} is not the one that this run began with: expected ${expected ?? "none"}, found ${found ?? "none"}`;
  const [is, was] = [now.identity, before.identity];
  if (is.model !== was.model) {
    throw new ModelError(
      complain("the model (SHA-256, external data included)", was.model, is.model),
    );
  }
  if (is.data !== was.data) {
    throw new DataError(complain("the data set (SHA-256)", was.data, is.data));
  }
  for (const part of ["deepobf", "libtorch", "addon"] as const) {
    if (now.versions[part] === before.versions[part]) continue;
    throw new UsageError(
      `${complain(part, before.versions[part], now.versions[part])}, which could give another file`,
    );
  }
}

function versions(): Record<string, string> {
  return {
    deepobf: ownVersion(),
    node: process.versions.node,
    libtorch: libtorchVersion(),
    addon: addonVersion(),
  };
}
