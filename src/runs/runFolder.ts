// The folder of a run: configuration, metrics as JSON lines, checkpoints, and in the end what the run
// made. It appears in one rename with its configuration inside, and one process at a time works on it.

import { existsSync, lstatSync } from "node:fs";
import { realpath, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { ownCommand } from "../../native/remedies.mjs";
import { DataError, UsageError } from "../errors.ts";
import {
  createDirectoryAtomically,
  ensureDirectory,
  sha256Of,
  writeFileAtomically,
} from "../files.ts";
import { parseJson } from "../json.ts";
import { parseAs } from "../schema.ts";
import { systemErrorCode } from "../systemErrors.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
import type { Tensor } from "../torch/index.ts";
import {
  backToReturnPoint,
  type Checkpoint,
  checkpointNames,
  type Position,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import type { JobHooks } from "./events.ts";
import { whileLocked } from "./lock.ts";
import { MetricsFile } from "./metrics.ts";
import { hasOwnFolder, readOwn, sha256OfOwn } from "./ownFiles.ts";
import { progressFileName } from "./progressFile.ts";

/** What every run's config.json holds, whatever the job. */
export interface RunConfig {
  readonly job: string;
  readonly options: { readonly checkpointSeconds: number; readonly workers?: number };
}

const runConfig = z.looseObject({
  job: z.string(),
  options: z.looseObject({
    checkpointSeconds: z.number().min(0),
    workers: z.exactOptional(z.int().min(1).max(4096)),
  }),
});

const mostJsonBytes = 2 ** 24;
/** ONNX files are protobuf messages, which have less than 2 GiB. */
export const mostModelBytes = 2 ** 31 - 1;

/** Paths of what a run makes. */
export interface RunFiles {
  readonly model: string;
  readonly summary: string;
  readonly metrics: string;
  readonly config: string;
  /** Of jobs that have one. */
  readonly report?: string;
}

/** The folder of one run, as its job writes and reads it. */
export class RunFolder {
  readonly directory: string;
  readonly metrics: MetricsFile;
  readonly files: RunFiles;
  /** Time between two checkpoints. */
  readonly checkpointSeconds: number;
  /** SHA-256 of config.json. */
  readonly #configuration: string;
  readonly #opened = performance.now();
  #secondsBefore = 0;

  get #checkpoints(): string {
    return join(this.directory, "checkpoints");
  }

  private constructor(directory: string, config: RunConfig) {
    this.directory = directory;
    this.checkpointSeconds = config.options.checkpointSeconds;
    this.#configuration = sha256Of(toJson(config));
    this.files = {
      model: join(directory, "model.onnx"),
      summary: join(directory, "summary.json"),
      metrics: join(directory, "metrics.jsonl"),
      config: join(directory, "config.json"),
    };
    this.metrics = new MetricsFile(this.files.metrics);
  }

  /** Makes the folder of a new run. Throws UsageError where it exists, ResourceError where it cannot be written. */
  static async create(path: string, config: RunConfig): Promise<RunFolder> {
    const directory = resolve(path);
    assertNew(directory);
    try {
      await ensureDirectory(dirname(directory));
      await createDirectoryAtomically(directory, async (temporary) => {
        await writeFileAtomically(join(temporary, "config.json"), toJson(config));
      });
    } catch (error) {
      const code = systemErrorCode((error as Error).cause) ?? "";
      const wasTaken = ["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(code);
      if (wasTaken) assertNew(directory); // another process was faster
      throw error;
    }
    return new RunFolder(directory, config);
  }

  /** Opens the folder of a run of this job. Throws UsageError where it is none. */
  static async open(path: string, job: string): Promise<{ run: RunFolder; config: RunConfig }> {
    const directory = await realpath(path).catch(() => resolve(path));
    const config = await readConfig(directory);
    if (config.job !== job) {
      throw new UsageError(
        `${escapeInvisible(directory)} is the folder of "${config.job}", not of "${job}"`,
      );
    }
    return { run: new RunFolder(directory, config), config };
  }

  /** Time spent on this run, over all its parts where it was resumed. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#opened) / 1000;
  }

  /** What a finished run's summary holds; undefined before that. */
  async readSummary(): Promise<unknown> {
    return readJson(this.files.summary);
  }

  /** Of the model file; undefined where there is none. Throws DataError where it is no regular file. */
  async modelSha256(): Promise<string | undefined> {
    return sha256OfOwn(this.files.model, mostModelBytes);
  }

  /** Writes the summary: from here on nothing is trained any more. Throws ResourceError. */
  async finish(summary: object): Promise<void> {
    await writeFileAtomically(this.files.summary, toJson(summary));
  }

  /** Removes what a run needs until all that follows its summary is done, too: its checkpoints, last. */
  async tidy(): Promise<void> {
    for (const path of [join(this.directory, progressFileName), this.#checkpoints]) {
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Whether a finished run is tidy; else it was killed behind its summary. Throws DataError for what no run leaves. */
  async isTidy(): Promise<boolean> {
    return !(await hasOwnFolder(this.#checkpoints));
  }

  /**
   * Saves where a run stands, and everything that the next step depends on. A training that diverges goes back to
   * the newest return point. Throws ResourceError.
   */
  async saveCheckpoint(
    position: Position & { readonly stageIndex: number; readonly isReturnPoint: boolean },
    tensors: ReadonlyMap<string, Tensor>,
  ): Promise<void> {
    const { isReturnPoint, ...rest } = position;
    const metricsLength = await this.metrics.flush();
    const checkpoint = { ...rest, metricsLength, seconds: this.seconds, tensors };
    const configuration = this.#configuration;
    await writeCheckpoint(this.#checkpoints, { ...checkpoint, configuration }, { isReturnPoint });
  }

  /**
   * The newest valid checkpoint that the metrics reach, with the metrics rewound to it; undefined where there is none,
   * a note tells of newer ones that are damaged or that they do not reach. Throws UsageError where config.json was changed since,
   * DataError where the folder holds what no run writes.
   */
  async readCheckpoint(hooks: JobHooks = {}): Promise<Checkpoint | undefined> {
    const { length } = await checkpointNames(this.#checkpoints);
    const checkpoint = await this.#readCheckpoint();
    this.#secondsBefore = checkpoint?.seconds ?? 0;
    const left = (await checkpointNames(this.#checkpoints)).length;
    if (left < length) {
      const text = checkpoint
        ? `the newest checkpoints of ${escapeInvisible(this.directory)} are damaged, or newer than its metrics.jsonl: the training goes on from an older one`
        : `no checkpoint of ${escapeInvisible(this.directory)} is whole (${length} tried): the training begins anew`;
      hooks.onProgress?.({ type: "note", text });
    }
    return checkpoint;
  }

  /**
   * Goes back to the newest return point; undefined where there is none. Throws as readCheckpoint does.
   */
  async goBack(): Promise<Checkpoint | undefined> {
    await backToReturnPoint(this.#checkpoints);
    return this.#readCheckpoint();
  }

  async #readCheckpoint(): Promise<Checkpoint | undefined> {
    const checkpoint = await readCheckpoint(this.#checkpoints, await this.metrics.flush());
    if (checkpoint && checkpoint.configuration !== this.#configuration) {
      throw new UsageError(
        `${this.files.config} is not what it was when the run was interrupted; restore it, or begin a new run`,
      );
    }
    await this.metrics.rewind(checkpoint?.metricsLength ?? 0);
    return checkpoint;
  }

  /**
   * Runs `body` while no other process works on this folder, without what a killed one left behind.
   * Throws UsageError where another one is at work.
   */
  async whileLocked<T>(body: () => Promise<T>): Promise<T> {
    return whileLocked(this.directory, body);
  }
}

/** The configuration of a run, which names its job. Throws UsageError where the folder is no run's. */
export async function readConfig(directory: string): Promise<RunConfig> {
  const path = join(directory, "config.json");
  const config = await readJson(path);
  if (config === undefined) {
    throw new UsageError(
      `expected the folder of a run, but ${escapeInvisible(directory)} has no config.json`,
    );
  }
  parseAs(runConfig, config, (problems) => configError(path, problems));
  return config as RunConfig; // as it is: a checkpoint knows its hash
}

/** What is wrong with the config.json at a path. */
export function configError(path: string, problems: string): UsageError {
  return new UsageError(`${escapeInvisible(path)} is no configuration of a run:\n  ${problems}`);
}

/** The value in a file; undefined where it is missing. Throws DataError where it is damaged. */
async function readJson(path: string): Promise<unknown> {
  const text = (await readOwn(path, mostJsonBytes))?.toString("utf8");
  if (text === undefined) return undefined;
  const value = parseJson(text);
  if (value !== undefined) return value;
  throw new DataError(`${escapeInvisible(path)} is damaged: it does not hold JSON of a run`);
}

/** Throws UsageError where something is in the way of a new folder. */
export function assertNew(directory: string): void {
  if (!isThere(directory)) return;
  const isRun = existsSync(join(directory, "config.json"));
  const resume = `${ownCommand} resume ${quoteForShell(directory)}`;
  throw new UsageError(
    `--out: ${escapeInvisible(directory)} exists, and DeepObf never overwrites. Choose another folder` +
      (isRun ? `, or go on with an interrupted run by: ${resume}` : ""),
  );
}

/** Whether something is in a place, be it a link that leads nowhere. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // a part of the path is no folder: making one there tells more
  }
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
