// A command that runs a job: signals, progress, gates, the table and `--json` are the same for all. The command
// tells how its job is asked for and how its plan and its summary read.
import { dirname } from "node:path";
import type { Command } from "commander";
import { type exitCodes, GateError } from "../errors.ts";
import type { Job, JobTypes, RunFacts } from "../jobs/index.ts";
import type { JobName } from "../library/jobs.ts";
import { commandLineOf, type Decided, shortPath } from "../runs/commandLine.ts";
import type { JobHooks, ProgressEvent } from "../runs/index.ts";
import { isSilent } from "../workers/membership.ts";
import { PartDone } from "../workers/partDone.ts";
import { defineCommand, formatOutput, type Invocation, type Output } from "./command.ts";
import { workerOptions } from "./dataOptions.ts";
import type { OptionTable, Values } from "./options.ts";
import { Progress, type Screen, wantsColour } from "./progress.ts";
import { assertStartable, withWorkers } from "./workers.ts";

interface JobCommandDefinition<O extends OptionTable, J extends JobTypes> {
  readonly name: JobName;
  readonly summary: string;
  /** `option` is what the job calls the command's argument; `words` are what it may be, where it is one of a few. */
  readonly argument: {
    readonly name: string;
    readonly help: string;
    readonly option: string;
    readonly words?: readonly string[];
  };
  readonly options: O;
  /** Options that `--help` shows. */
  readonly essential: readonly string[];
  readonly example: string;
  readonly failures: readonly (keyof typeof exitCodes)[];
  readonly job: () => Promise<Job<J>>;
  /** The job's options for the command's argument and options. */
  readonly ask: (argument: string, options: Invocation<O>["options"]) => J["asked"];
  /** What is done where the options ask for something else than the job. */
  readonly instead?: (
    options: Invocation<O>["options"],
  ) => ((asked: J["asked"], hooks: JobHooks) => Promise<Output>) | undefined;
  /** What is to be done beside the job, once its folder is there. */
  readonly accompany?: (options: Invocation<O>["options"]) => void;
  readonly renderPrepared: (description: J["description"]) => string;
  readonly renderSummary: (summary: J["results"] & RunFacts) => string;
}

/** All training jobs can have several workers. */
type JobInvocation<O extends OptionTable> = Invocation<O & typeof workerOptions>;

/** A command whose runs `deepobf resume` goes on with. */
export interface JobCommand {
  readonly name: JobName;
  /** Adds the command to a program. */
  readonly add: (program: Command) => void;
  readonly resume: (directory: string, json: boolean) => Promise<Output | undefined>;
}

/** The exit code for a signal; a terminal that is closed ends a job as SIGTERM does. */
const exitCodeOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;

/** A command for a job. */
export function defineJobCommand<O extends OptionTable, J extends JobTypes>(
  definition: JobCommandDefinition<O, J>,
): JobCommand {
  const { name, summary, argument, options, essential, example, failures } = definition;
  return {
    name,
    add: defineCommand({
      name,
      summary,
      argument,
      essential,
      example,
      common: ["device", "precision", "seed", "mean", "std", "threads", "config", "json"],
      options: { ...options, ...workerOptions },
      failures: [...failures, "worker"],
      run: (invocation: JobInvocation<O>) => start(definition, invocation),
    }),
    resume: async (directory, json) => {
      const job = await definition.job();
      return show(definition, (hooks) => job.resume(directory, hooks), json);
    },
  };
}

/** Starts the job that the command line asks for, or does what it asks for instead. */
async function start<O extends OptionTable, J extends JobTypes>(
  definition: JobCommandDefinition<O, J>,
  { argument, options, json }: JobInvocation<O>,
): Promise<Output | undefined> {
  const { workers, restarts = 0, ...rest } = options as Values<typeof workerOptions>;
  const own = rest as Invocation<O>["options"];
  const asked = { ...definition.ask(argument, own), ...(workers !== undefined && { workers }) };
  const instead = definition.instead?.(own);
  if (instead) return runJob((hooks) => instead(asked, hooks), definition.renderPrepared);
  const { batchSize } = own as { readonly batchSize?: number };
  assertStartable(workers ?? 1, batchSize);
  return withWorkers({ workers: workers ?? 1, restarts, json }, async () => {
    const job = await definition.job();
    const work = (hooks: JobHooks<J["description"]>) => {
      const onProgress = (event: ProgressEvent<J["description"]>) => {
        if (event.type === "prepared" && !isSilent()) definition.accompany?.(own);
        hooks.onProgress?.(event);
      };
      return job.start(asked, { ...hooks, onProgress });
    };
    return show(definition, work, json);
  });
}

/**
 * What the job answers, shown as it goes on. Where a gate is missed the summary is printed all the same: as a table to
 * stderr, as JSON to stdout.
 */
async function show<O extends OptionTable, J extends JobTypes>(
  definition: JobCommandDefinition<O, J>,
  work: (hooks: JobHooks<J["description"]>) => Promise<J["results"] & RunFacts>,
  json: boolean,
): Promise<Output | undefined> {
  try {
    return await outputOf(definition, await runJob(work, definition.renderPrepared));
  } catch (error) {
    if (error instanceof PartDone) return undefined;
    if (error instanceof GateError && error.summary) {
      const output = await outputOf(definition, error.summary as J["results"] & RunFacts);
      if (json) process.stdout.write(formatOutput(output, json));
      else process.stderr.write(`${formatOutput(output, json)}\n`);
    }
    throw error;
  }
}

async function outputOf<O extends OptionTable, J extends JobTypes>(
  { argument, renderSummary }: JobCommandDefinition<O, J>,
  result: J["results"] & RunFacts,
): Promise<Output> {
  const { readConfig } = await import("../runs/index.ts");
  const config: object = await readConfig(dirname(result.files.config));
  const command = commandLineOf(config as Decided, argument.option);
  const json = { command, ...result, files: withShortPaths(result.files) };
  return { json, text: renderSummary(result) };
}

/** Paths by name, as seen from the working directory. */
function withShortPaths(paths: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, shortPath(String(path))]),
  );
}

/**
 * Runs a job with its progress on stderr. The first SIGINT, SIGTERM or SIGHUP asks it to end after the step, with a
 * checkpoint; the second ends the process at once.
 */
async function runJob<T, Description extends object>(
  work: (hooks: JobHooks<Description>) => Promise<T>,
  renderPrepared: (description: Description) => string,
): Promise<T> {
  const screen: Screen = isSilent() ? { write: () => {} } : process.stderr;
  const progress = new Progress(screen, { renderPrepared, coloured: wantsColour(screen) });
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      progress.close();
      process.exit(exitCodeOf[signal as keyof typeof exitCodeOf]);
    }
    progress.line(
      `${signal}: stopping after this step with a checkpoint; once more to stop at once`,
    );
    controller.abort(signal);
  };
  const signals = Object.keys(exitCodeOf) as NodeJS.Signals[];
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work({ onProgress: progress.show, signal: controller.signal });
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
    progress.close();
  }
}
