// What a job is: long work in a folder of its own that can be stopped at any step and gives the same file when it is
// resumed. A job says what it checks and decides, what it trains, and what its summary says.
import type { z } from "zod";
import type { Checkpoint, JobHooks, RunFiles, Setback } from "../runs/index.ts";
import type { Group } from "../workers/group.ts";
import type { Run } from "../workers/sharedRun.ts";
import type { MemoryNeed } from "./memory.ts";
import type { JobBasics, RunOptions } from "./options.ts";

/** The types of a job. */
export interface JobTypes {
  /** Its options as a user gives them. */
  readonly asked: RunOptions;
  /** Its options with everything decided, which can be asked for as they are. */
  readonly decided: JobBasics;
  /** What it works on. */
  readonly inputs: unknown;
  /** What is decided besides the options. */
  readonly description: object;
  /** What its summary says beside the facts that all have. */
  readonly results: object;
}

/** What makes one job different from the others. */
export interface JobDefinition<J extends JobTypes> {
  /** As the command line and config.json of a run call it. */
  readonly name: string;
  /** What the run is called where nobody names its folder. */
  readonly runName: (options: J["asked"]) => string;
  /** What config.json and summary.json of a run must hold when they are read again. */
  readonly optionsSchema: z.ZodType<J["decided"]>;
  readonly resultSchemas: {
    readonly [Key in keyof J["results"]]-?: z.ZodType<J["results"][Key]>;
  };
  /**
   * Reads and checks everything, decides what is left open, and writes nothing. Options that it has decided
   * before come back the same.
   */
  // A property: of a method the compiler would let it take less than both.
  readonly prepare: (
    options: Located<J["asked"] | J["decided"]>,
    hooks: JobHooks,
  ) => Promise<Prepared<J>>;
  /** What the training takes. */
  memory(inputs: J["inputs"], options: J["decided"]): MemoryNeed;
  /** Trains, writes the model file, and gives what is to say about it. */
  execute(work: Work<J>): Promise<J["results"]>;
  /** Says in a line each which gates of the options the results miss; none by default. */
  missedGates?(results: J["results"], options: J["decided"]): readonly string[];
  /** Writes `report.html` into the folder of a finished run; none by default. */
  report?(directory: string): Promise<unknown>;
}

/** Options of a run whose folder is known. */
export type Located<Asked> = Asked & { readonly out: string };

export interface Prepared<J extends Pick<JobTypes, "decided" | "inputs" | "description">> {
  readonly options: J["decided"];
  readonly inputs: J["inputs"];
  /** SHA-256 of what must be the same when the run is resumed. */
  readonly identity: Identity;
  /** For config.json and for a user who watches. */
  readonly description: J["description"];
}

/** SHA-256 of the model's file with its external data, where a job has one, and of the data set. */
export interface Identity {
  readonly model?: string;
  readonly data: string;
}

/** Who does a job, and how its caller follows and stops it. */
export interface Context {
  /** The workers that train together; this one alone, mostly. */
  readonly group: Group;
  readonly hooks: JobHooks;
}

/** A prepared job in its folder. */
export interface Work<J extends Pick<JobTypes, "decided" | "inputs">> extends Context {
  readonly options: J["decided"];
  readonly inputs: J["inputs"];
  readonly run: Run;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
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
export interface Job<J extends Pick<JobTypes, "asked" | "description" | "results">> {
  readonly name: string;
  /** Checks everything first; then everything is written to the folder `options.out`. */
  start(options: J["asked"], hooks?: JobHooks<J["description"]>): Promise<J["results"] & RunFacts>;
  /**
   * Goes on from the newest checkpoint, from the start where there is none; gives the summary again where the
   * run is done. Throws UsageError where the folder is no run of this job.
   */
  resume(directory: string, hooks?: JobHooks<J["description"]>): Promise<J["results"] & RunFacts>;
}
