// The folder of a run: configuration, metrics as JSON lines, checkpoints, and in the end what the run
// made. It appears in one rename with its configuration inside, and one process at a time works on it.
import { existsSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { createDirectoryAtomically, writeFileAtomically } from "../files.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { MetricsFile } from "./metrics.ts";

const configName = "config.json";
const lockName = "lock";

export class RunFolder {
  readonly directory: string;
  readonly metrics: MetricsFile;
  readonly #opened = performance.now();
  #secondsBefore = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.metrics = new MetricsFile(join(directory, "metrics.jsonl"));
  }

  /** Makes the folder of a new run. Throws UsageError where it exists, ResourceError where it cannot be written. */
  static async create(directory: string, config: object): Promise<RunFolder> {
    assertNew(directory);
    await createDirectoryAtomically(directory, async (temporary) => {
      await writeFileAtomically(join(temporary, configName), toJson(config));
    });
    return new RunFolder(directory);
  }

  /** Opens the folder of a run. Throws UsageError where there is none. */
  static async open(directory: string): Promise<{ run: RunFolder; config: unknown }> {
    const run = new RunFolder(directory);
    const config = await run.readJson(configName);
    if (config === undefined) {
      throw new UsageError(`expected the folder of a run, but ${directory} has no ${configName}`);
    }
    return { run, config };
  }

  /** Time spent on this run, over all its parts where it was resumed. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#opened) / 1000;
  }

  /** Path of a file of this run. */
  path(name: string): string {
    return join(this.directory, name);
  }

  async writeJson(name: string, value: object): Promise<void> {
    await writeFileAtomically(this.path(name), toJson(value));
  }

  /** The value in a file of this run; undefined where it is missing. Throws DataError where it is damaged. */
  async readJson(name: string): Promise<unknown> {
    if (!existsSync(this.path(name))) return undefined;
    try {
      return JSON.parse(await readFile(this.path(name), "utf8"));
    } catch (error) {
      throw new DataError(`${this.path(name)} is damaged: it does not hold JSON`, { cause: error });
    }
  }

  /** The newest valid checkpoint, with the metrics rewound to it; undefined where there is none. */
  async readCheckpoint(): Promise<Checkpoint | undefined> {
    const checkpoint = await readCheckpoint(this.path("checkpoints"));
    await this.metrics.rewind(checkpoint?.metricsLength ?? 0);
    this.#secondsBefore = checkpoint?.seconds ?? 0;
    return checkpoint;
  }

  async writeCheckpoint(checkpoint: Omit<Checkpoint, "metricsLength" | "seconds">): Promise<void> {
    const metricsLength = await this.metrics.flush();
    await writeCheckpoint(this.path("checkpoints"), {
      ...checkpoint,
      metricsLength,
      seconds: this.seconds,
    });
  }

  /** Removes the checkpoints of a run that is done. */
  async removeCheckpoints(): Promise<void> {
    await rm(this.path("checkpoints"), { recursive: true, force: true });
  }

  /**
   * Runs `body` while no other process works on this folder. The lock of a dead process does not
   * count. Throws UsageError where a living one holds it.
   */
  async whileLocked<T>(body: () => Promise<T>): Promise<T> {
    const path = this.path(lockName);
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
