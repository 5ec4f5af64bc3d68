// What a job is: long work in a folder of its own that can be stopped at any step and gives the same file when it is
// resumed. A job says what it checks and decides, what it trains, and what its summary says.
import type { z } from "zod";
import type { Checkpoint, JobHooks, RunFiles, Setback } from "../runs/index.ts";
import type { Group } from "../workers/group.ts";
import type { Run } from "../workers/sharedRun.ts";
import type { MemoryNeed } from "./memory.ts";

/** What makes one job different from the others. */
export interface JobDefinition<Asked, Decided, Inputs, Description extends object, Results> {
  /** As the command line and config.json of a run call it. */
  readonly name: string;
  /** What the run is called where nobody names its folder. */
  readonly runName: (options: Asked) => string;
  /** What config.json and summary.json of a run must hold when they are read again. */
  readonly optionsSchema: z.ZodType<Decided>;
  readonly resultSchemas: { readonly [Key in keyof Results]-?: z.ZodType<Results[Key]> };
  /**
   * Reads and checks everything, decides what is left open, and writes nothing. Options that it has decided
   * before come back the same.
   */
  prepare(
    options: Located<Asked>,
    hooks: JobHooks,
  ): Promise<Prepared<Decided, Inputs, Description>>;
  /** What the training takes. */
  memory(inputs: Inputs, options: Decided): MemoryNeed;
  /** Trains, writes the model file, and gives what is to say about it. */
  execute(work: Work<Decided, Inputs>): Promise<Results>;
  /** Says in a line each which gates of the options the results miss; none by default. */
  missedGates?(results: Results, options: Decided): readonly string[];
  /** Writes `report.html` into the folder of a finished run; none by default. */
  report?(directory: string): Promise<unknown>;
}

/** A job's definition where the options are decided. */
export type Definition<Decided, Inputs, Description extends object, Results> = JobDefinition<
  Decided,
  Decided,
  Inputs,
  Description,
  Results
>;

/** Options of a run whose folder is known. */
export type Located<Asked> = Asked & { readonly out: string };

export interface Prepared<Decided, Inputs, Description extends object> {
  readonly options: Decided;
  /** What the job works on. */
  readonly inputs: Inputs;
  /** SHA-256 of what must be the same when the run is resumed. */
  readonly identity: Identity;
  /** What was decided besides the options, for config.json and for a user who watches. */
  readonly description: Description;
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

/** What the summary of every job says beside its results. */
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
export interface Job<Asked, Description extends object, Results> {
  readonly name: string;
  /** Checks everything first; then everything is written to the folder `options.out`. */
  start(options: Asked, hooks?: JobHooks<Description>): Promise<Results & RunFacts>;
  /**
   * Goes on from the newest checkpoint, from the start where there is none; gives the summary again where the
   * run is done. Throws UsageError where the folder is no run of this job.
   */
  resume(directory: string, hooks?: JobHooks<Description>): Promise<Results & RunFacts>;
}
