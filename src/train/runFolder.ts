// The folder of a run: configuration, metrics as JSON lines, checkpoints, and in the end what the run
// made. It appears in one rename with its configuration inside, and one process at a time works on it.
import { existsSync } from "node:fs";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { cannotWrite, createDirectoryAtomically, writeFileAtomically } from "../files.ts";
import type { Tensor } from "../torch/index.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Keeper } from "./loop.ts";
import { MetricsFile } from "./metrics.ts";

const lockPrefix = "lock-";

/** What every run's config.json holds, whatever the job. */
export interface RunConfig {
  readonly job: string;
  readonly options: { readonly checkpointSeconds: number };
}

/** Paths of what a run makes. */
export interface RunFiles {
  readonly model: string;
  readonly summary: string;
  readonly metrics: string;
  readonly config: string;
}

export class RunFolder {
  readonly directory: string;
  readonly metrics: MetricsFile;
  /** Paths of what a run makes. */
  readonly files: RunFiles;
  readonly #checkpointSeconds: number;
  readonly #opened = performance.now();
  #secondsBefore = 0;

  get #checkpoints(): string {
    return join(this.directory, "checkpoints");
  }

  private constructor(directory: string, { options }: RunConfig) {
    this.directory = directory;
    this.#checkpointSeconds = options.checkpointSeconds;
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
      await createDirectoryAtomically(directory, async (temporary) => {
        await writeFileAtomically(join(temporary, "config.json"), toJson(config));
      });
    } catch (error) {
      assertNew(directory); // another process may have been faster
      throw error;
    }
    return new RunFolder(directory, config);
  }

  /** Opens the folder of a run of this job. Throws UsageError where it is none. */
  static async open(path: string, job: string): Promise<{ run: RunFolder; config: unknown }> {
    const directory = resolve(path);
    const config = await readConfig(directory);
    if (config.job !== job) {
      throw new UsageError(`${directory} is the folder of "${config.job}", not of "${job}"`);
    }
    return { run: new RunFolder(directory, config), config };
  }

  /** What an interrupted user is told. */
  get howToGoOn(): string {
    return `To go on: deepobf resume ${this.directory}`;
  }

  /** Time spent on this run, over all its parts where it was resumed. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#opened) / 1000;
  }

  /** What a finished run answered; undefined before that. */
  async readSummary(): Promise<unknown> {
    return readJson(this.files.summary);
  }

  /** Writes the summary, which ends the run: its checkpoints are removed. */
  async finish(summary: object): Promise<void> {
    await writeFileAtomically(this.files.summary, toJson(summary));
    await rm(this.#checkpoints, { recursive: true, force: true });
  }

  /** What the training loop leaves to this folder, for one stage; `state` gives the live tensors. */
  keeper(stage: number, state: () => ReadonlyMap<string, Tensor>): Keeper {
    return {
      log: (record) => this.metrics.append(record),
      save: async (position) => {
        const metricsLength = await this.metrics.flush();
        const { seconds } = this;
        const checkpoint = { stage, ...position, metricsLength, seconds, tensors: state() };
        await writeCheckpoint(this.#checkpoints, checkpoint);
      },
      checkpointSeconds: this.#checkpointSeconds,
      howToGoOn: this.howToGoOn,
    };
  }

  /** The newest valid checkpoint, with the metrics rewound to it; undefined where there is none. */
  async readCheckpoint(): Promise<Checkpoint | undefined> {
    const checkpoint = await readCheckpoint(this.#checkpoints);
    await this.metrics.rewind(checkpoint?.metricsLength ?? 0);
    this.#secondsBefore = checkpoint?.seconds ?? 0;
    return checkpoint;
  }

  /**
   * Runs `body` while no other process works on this folder, without what a killed one left behind.
   * Throws UsageError where another one is at work.
   */
  async whileLocked<T>(body: () => Promise<T>): Promise<T> {
    const path = join(this.directory, `${lockPrefix}${await identify(process.pid)}`);
    const lock = await open(path, "wx").catch((error) => {
      if (error.code === "EEXIST") throw occupied(this.directory, process.pid);
      throw cannotWrite(path, error);
    });
    await lock.close();
    try {
      // Every process makes its own lock before it looks for others, so that of two at least one gives way.
      await this.#removeRemains(basename(path));
      return await body();
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Removes temporary files and the locks of dead processes. Throws UsageError where one lives. */
  async #removeRemains(ownLock: string): Promise<void> {
    const names = await readdir(this.directory);
    for (const name of names.filter((each) => each.startsWith(lockPrefix) && each !== ownLock)) {
      const holder = name.slice(lockPrefix.length);
      const pid = Number.parseInt(holder, 10);
      if ((await identify(pid)) === holder) throw occupied(this.directory, pid);
      await rm(join(this.directory, name), { force: true });
    }
    for (const name of names.filter((each) => each.endsWith(".tmp"))) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }
}

function occupied(directory: string, pid: number): UsageError {
  return new UsageError(`process ${pid} is working on ${directory}; wait for it or stop it`);
}

/** The configuration of a run, which names its job. Throws UsageError where the folder is no run's. */
export async function readConfig(directory: string): Promise<RunConfig> {
  const config = await readJson(join(directory, "config.json"));
  if (typeof config === "object" && config !== null && "job" in config) {
    return config as RunConfig;
  }
  throw new UsageError(`expected the folder of a run, but ${directory} has no config.json of one`);
}

/** The value in a file; undefined where it is missing. Throws DataError where it is damaged. */
async function readJson(path: string): Promise<unknown> {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new DataError(`${path} is damaged: it does not hold JSON`, { cause: error });
  }
}

/** Throws UsageError where something is in the way of a new folder. */
export function assertNew(directory: string): void {
  if (existsSync(directory)) {
    throw new UsageError(
      `--out: ${directory} exists, and a run never overwrites. Choose another folder, or go on with ` +
        `an interrupted run by: deepobf resume ${directory}`,
    );
  }
}

/** A living process as "PID-START", where START is when it began; undefined where it is dead. */
async function identify(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One that may not be signalled lives: it is another user's.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  // proc(5): the 3rd field is the state, the 22nd the start, counted after the name, which may hold spaces.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : `${pid}-${fields[19] ?? ""}`;
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
