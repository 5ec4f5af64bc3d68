// The folder of a run: configuration, metrics as JSON lines, checkpoints, and in the end what the run
// made. It appears in one rename with its configuration inside, and one process at a time works on it.
import { existsSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { createDirectoryAtomically, writeFileAtomically } from "../files.ts";
import type { Tensor } from "../torch/index.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Keeper } from "./loop.ts";
import { MetricsFile } from "./metrics.ts";

const lockName = "lock";

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
  readonly #opened = performance.now();
  #secondsBefore = 0;

  get #checkpoints(): string {
    return join(this.directory, "checkpoints");
  }

  private constructor(directory: string) {
    this.directory = directory;
    this.files = {
      model: join(directory, "model.onnx"),
      summary: join(directory, "summary.json"),
      metrics: join(directory, "metrics.jsonl"),
      config: join(directory, "config.json"),
    };
    this.metrics = new MetricsFile(this.files.metrics);
  }

  /** Makes the folder of a new run. Throws UsageError where it exists, ResourceError where it cannot be written. */
  static async create(directory: string, config: { readonly job: string }): Promise<RunFolder> {
    assertNew(directory);
    await createDirectoryAtomically(directory, async (temporary) => {
      await writeFileAtomically(join(temporary, "config.json"), toJson(config));
    });
    return new RunFolder(directory);
  }

  /** Opens the folder of a run of this job. Throws UsageError where it is none. */
  static async open(directory: string, job: string): Promise<{ run: RunFolder; config: unknown }> {
    const found = await readConfig(directory);
    if (found.job !== job) {
      throw new UsageError(`${directory} is the folder of "${found.job}", not of "${job}"`);
    }
    return { run: new RunFolder(directory), config: found };
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
      howToGoOn: `To go on: deepobf resume ${this.directory}`,
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
   * Runs `body` while no other process works on this folder. The lock of a dead process does not
   * count. Throws UsageError where a living one holds it.
   */
  async whileLocked<T>(body: () => Promise<T>): Promise<T> {
    const path = join(this.directory, lockName);
    const holder = await readFile(path, "utf8").catch(() => "");
    if (holder !== "" && (await identify(Number.parseInt(holder, 10))) === holder) {
      throw new UsageError(
        `process ${Number.parseInt(holder, 10)} is working on ${this.directory}; wait for it or stop it`,
      );
    }
    await rm(path, { force: true });
    const lock = await open(path, "wx").catch(() => {
      throw new UsageError(`another process has just started on ${this.directory}`);
    });
    await lock.writeFile((await identify(process.pid)) ?? String(process.pid));
    await lock.close();
    try {
      return await body();
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** The configuration of a run, which names its job. Throws UsageError where the folder is no run's. */
export async function readConfig(directory: string): Promise<{ readonly job: string }> {
  const config = await readJson(join(directory, "config.json"));
  if (typeof config === "object" && config !== null && "job" in config) {
    return config as { job: string };
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

/** A living process as "PID START", where START is when it began; undefined where it is dead. */
async function identify(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  // The 22nd field of /proc/PID/stat, counted after the name, which may hold spaces: proc(5).
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`;
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
