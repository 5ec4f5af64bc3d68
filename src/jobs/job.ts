// What a job is: long work in a folder of its own that can be stopped at any step and gives the same file when
// it is resumed. A job says what it checks and decides, what it trains, and what it answers; folder, lock,
// checkpoints, gates and the answer's common part are the same for all.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { ownCommand } from "../../native/remedies.mjs";
import { DataError, GateError, ModelError, UsageError } from "../errors.ts";
import { keepEvents } from "../runs/eventFile.ts";
import {
  assertNew,
  type Checkpoint,
  configError,
  type JobHooks,
  type RunFiles,
  RunFolder,
  type Setback,
} from "../runs/index.ts";
import { keepProgress } from "../runs/progressFile.ts";
import { parseAs } from "../schema.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
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
import {
  type Run,
  type RunPlace,
  shareCheckpoint,
  sharedRun,
} from "../workers/sharedRun.ts";
import { assertFits, explainMemory, type MemoryNeed } from "./memory.ts";
import { assertEpochs, type JobBasics, type JobOptions } from "./options.ts";
import { configSchema, runFacts } from "./schema.ts";

/** What makes one job different from the others. */
export interface JobDefinition<Asked, Decided, Inputs, Results> {
  /** As the command line and config.json of a run call it. */
  readonly name: string;
  /** What the run is called where nobody names its folder. */
  readonly runName: (options: Asked) => string;
  /** What config.json and summary.json of a run must hold when they are read again. */
  readonly options: z.ZodType<Decided>;
  readonly results: { readonly [Key in keyof Results]-?: z.ZodType<Results[Key]> };
  /**
   * Reads and checks everything, decides what is left open, and writes nothing. Options that it has decided
   * before come back the same.
   */
  prepare(options: Located<Asked>, hooks: JobHooks): Promise<Prepared<Decided, Inputs>>;
  /** What the training takes. */
  memory(inputs: Inputs, options: Decided): MemoryNeed;
  /** Trains, writes the model file, and gives what is to say about it. */
  execute(work: Work<Decided, Inputs>): Promise<Results>;
  /** Says in a line each which gates of the options the results miss; none by default. */
  missedGates?(results: Results, options: Decided): readonly string[];
  /** Writes `report.html` into the folder of a finished run; none by default. */
  report?(directory: string): Promise<unknown>;
}

/** Options of a run whose folder is known. */
export type Located<Asked> = Asked & { readonly out: string };

export interface Prepared<Decided, Inputs> {
  readonly options: Decided;
  /** What the job works on. */
  readonly inputs: Inputs;
  /** SHA-256 of what must be the same when the run is resumed. */
  readonly identity: Identity;
  /** What was decided besides the options, for config.json and for a user who watches. */
  readonly description: object;
}

/** SHA-256 of the model's file with its external data, where a job has one, and of the data set. */
export interface Identity {
  readonly model?: string;
  readonly data: string;
}

/** A prepared job in its folder. */
export interface Work<Decided, Inputs> {
  readonly options: Decided;
  readonly inputs: Inputs;
  readonly run: Run;
  readonly hooks: JobHooks;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
  /** The workers that train together; this one alone, mostly. */
  readonly group: Group;
}

/** The training is over: what follows, a single worker does. Throws PartDone on the others. */
export function beginVerifying({ group, hooks }: Pick<Work<unknown, unknown>, "group" | "hooks">) {
  group.leave();
  hooks.onProgress?.({ type: "phase", phase: "verify" });
}

/** What every job answers beside its results. */
export interface RunFacts {
  readonly epochs: number;
  readonly seed: number;
  readonly device: string;
  readonly precision: "f32" | "bf16";
  /** Time of the whole job, over all its parts where it was resumed. */
  readonly seconds: number;
  /** Largest resident set of the process that ended the job, without ONNX Runtime's own. */
  readonly peakMemoryBytes: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Of the model file that the run made; null where it made none. */
  readonly modelSha256: string | null;
  /** Where training went back because a loss was no number. */
  readonly setbacks: readonly Setback[];
  /** Paths of what the run made. */
  readonly files: RunFiles;
}

/** A job that can be started and resumed. Both throw a DeepObfError, GateError only after all is written. */
export interface Job<Asked, Results> {
  readonly name: string;
  /** Checks everything first; then everything is written to the folder `options.out`. */
  start(options: Asked, hooks?: JobHooks): Promise<Results & RunFacts>;
  /**
   * Goes on from the newest checkpoint, from the start where there is none; gives the answer again where the
   * run is done. Throws UsageError where the folder is no run of this job.
   */
  resume(directory: string, hooks?: JobHooks): Promise<Results & RunFacts>;
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
  Results extends object,
>(definition: JobDefinition<Asked, Decided, Inputs, Results>): Job<Asked, Results> {
  const { name } = definition;

  const prepare = async (options: Located<Asked>, hooks: JobHooks) => {
    hooks.onProgress?.({ type: "phase", phase: "prepare" });
    const prepared = await definition.prepare(options, hooks);
    assertFits(definition.memory(prepared.inputs, prepared.options), prepared.options.device);
    return prepared;
  };

  const execute = async (
    prepared: Prepared<Decided, Inputs>,
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
    { inputs, description }: Prepared<Decided, Inputs>,
    begun: Begun<Decided>,
  ) => {
    const { config, run, hooks } = begun;
    const { options, versions } = config;
    const { epochs, seed, device, precision } = options;
    hooks.onProgress?.({ type: "prepared", job: name, description });
    const results = await executeTogether(inputs, { ...begun, place: run, options });
    const summary = {
      ...results,
      ...{ epochs, seed, device, precision, seconds: run.seconds },
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      ...{ versions, modelSha256: (await run.modelSha256()) ?? null },
      ...{ setbacks: await run.metrics.setbacks(), files: filesOf(run) },
    };
    await run.finish(summary);
    await definition.report?.(run.directory).catch((error: unknown) => {
      hooks.onProgress?.({ type: "note", text: complaint(run, error) });
    });
    return judge(summary, options);
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
    const group = Group.meet();
    return group.guard(() => (group.isFirst ? body(group) : follow(group, hooks)));
  };

  /** The answer of a finished run. Throws DataError where its files are not those that it wrote. */
  const readAnswer = async (run: RunFolder, found: unknown): Promise<Results & RunFacts> => {
    const schema = z.object({ ...definition.results, ...runFacts });
    const { summary, model } = run.files;
    const damaged = (problems: string) =>
      new DataError(`${escapeInvisible(summary)} is no summary of this job:\n  ${problems}`);
    const answer = parseAs(schema, found, damaged) as unknown as Results & RunFacts;
    const sha256 = (await run.modelSha256()) ?? null;
    if (sha256 === answer.modelSha256) return { ...answer, files: filesOf(run) };
    throw new DataError(
      `${escapeInvisible(model)} is not the file that this run wrote; begin a new run`,
    );
  };

  const filesOf = ({ directory, files }: RunFolder) => ({
    ...files,
    ...(definition.report && { report: join(directory, "report.html") }),
  });

  const complaint = ({ directory }: RunFolder, error: unknown) =>
    `the run is complete, but its report was not written: ${error instanceof Error ? error.message : error}\n` +
    `To write it: ${ownCommand} report ${quoteForShell(directory)}`;

  const judge = (summary: Results & RunFacts, options: Decided) => {
    const missed = definition.missedGates?.(summary, options) ?? [];
    if (missed.length === 0) return summary;
    const { files } = summary;
    throw new GateError(
      `the run is complete (${files.summary}), but missed:\n  ${missed.join("\n  ")}`,
      { summary },
    );
  };

  /** Makes the run's folder: a free one where none was asked for, though others began meanwhile. */
  const createRun = async (
    { options: decided, identity, description }: Prepared<Decided, Inputs>,
    asked: Asked,
  ) => {
    for (let out = decided.out; ; out = resolve(freeFolder(definition.runName(asked)))) {
      const options = { ...decided, out };
      const config = { job: name, options, identity, description, versions: versions() };
      readConfiguration(JSON.parse(JSON.stringify(config)), out);
      tellLauncher(out); // it may have to go on with the run from its first moment on
      try {
        return { run: await RunFolder.create(out, config), config };
      } catch (error) {
        if (asked.out !== undefined || !existsSync(out)) throw error;
      }
    }
  };

  const readConfiguration = (config: unknown, path: string): Config<Decided> => {
    const schema = configSchema(definition.options);
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
        if (options.workers !== undefined) group.assertSize(options.workers);
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
          return judge(await readAnswer(run, finished), config.options);
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
    ...{ deepobf: ownVersion(), node: process.versions.node },
    ...{ libtorch: libtorchVersion(), addon: addonVersion() },
  };
}
