// The workers of a job: what they tell each other besides gradients, and how they end, together or because one is gone.
// A job that one process does alone is a group of one, which says nothing to anybody.
import { setTimeout } from "node:timers/promises";
import { ownCommand } from "../../native/remedies.mjs";
import {
  DeepObfError,
  DivergedError,
  InterruptedError,
  ResourceError,
  UsageError,
  WorkerError,
} from "../errors.ts";
import { decodeTensors, encodeTensors } from "../runs/safetensors.ts";
import {
  announceFailure,
  askWorkers,
  broadcastFromFirst,
  canHaveWorkers,
  connectWorkers,
  fromBytes,
  joinWorkers,
  leaveWorkers,
  type Tensor,
  tellWorkers,
  workerFailure,
  workers,
  zeros,
} from "../torch/index.ts";
import { type Membership, membership } from "./membership.ts";
import { PartDone } from "./partDone.ts";

type Tensors = ReadonlyMap<string, Tensor>;

const secondsToCome = 300;

const remedy =
  `The newest checkpoint is kept: ${ownCommand} resume DIR goes on with it, ` +
  "--restarts N does so by itself";

export class Group {
  readonly #place: Membership | undefined;
  #messages = 0;

  /** Of this process with others, or of this process alone. */
  private constructor(place?: Membership) {
    this.#place = place;
  }

  /**
   * The group that the environment tells of, connected. Throws UsageError, ResourceError where libtorch is without what
   * workers talk by, and WorkerError where the first one cannot be reached.
   */
  static meet(): Group {
    const place = membership();
    if (!place) return new Group();
    if (!canHaveWorkers()) {
      throw new ResourceError(
        "this libtorch has no gloo, by which workers talk: set up with another one, such as that of a PyTorch package " +
          "or Debian's libtorch-dev, or train with one process",
      );
    }
    const { rank, host, port, attempt } = place;
    try {
      connectWorkers({ ...place, prefix: `deepobf/${attempt}` });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.split("\n")[0] : cause;
      throw new WorkerError(
        `worker ${rank} cannot meet the others at ${host}:${port}, where MASTER_ADDR and MASTER_PORT say: ${reason}`,
        { cause },
      );
    }
    return new Group(place);
  }

  get size(): number {
    return this.#place?.size ?? 1;
  }

  get rank(): number {
    return this.#place?.rank ?? 0;
  }

  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** The place among the workers of this machine. */
  get localRank(): number {
    return this.#place?.localRank ?? 0;
  }

  /** What the first worker makes, for all: a value that JSON can hold, or undefined. */
  async share<T>(make: () => T | Promise<T>): Promise<T> {
    if (!this.#place) return make();
    const key = `message/${this.#messages++}`;
    if (this.isFirst) {
      const value = await make();
      tellWorkers(key, JSON.stringify({ value }));
      return value;
    }
    return (JSON.parse(await this.#hear(key)) as { value: T }).value;
  }

  /** The first worker's tensors, for all; undefined where it has none. */
  async shareTensors(tensors: Tensors | undefined): Promise<Tensors | undefined> {
    if (!this.#place) return tensors;
    const bytes = this.isFirst && tensors ? encodeTensors(tensors) : undefined;
    const length = await this.share(() => bytes?.byteLength);
    if (length === undefined) return undefined;
    using state = bytes
      ? fromBytes(bytes, { shape: [length], dtype: "uint8" })
      : zeros([length], { dtype: "uint8" });
    broadcastFromFirst([state]);
    return this.isFirst ? tensors : decodeTensors(Buffer.from(state.toBytes()));
  }

  /** Waits for all workers and connects them with each other: from here on they train together. */
  async join(): Promise<void> {
    if (!this.#place) return;
    tellWorkers(`ready/${this.rank}`, "");
    for (let rank = 0; rank < this.size; rank++) await this.#hearReady(rank);
    joinWorkers(this.#place.networkInterface);
  }

  /** Ends the common part, when all have come to its end. Throws PartDone on all but the first worker. */
  leave(): void {
    if (workers().size > 1) leaveWorkers();
    if (!this.isFirst) throw new PartDone();
  }

  /**
   * Does a job of the group. Where it fails for this worker alone, the others get to know why. Throws WorkerError where
   * another worker is gone.
   */
  async guard<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (!this.#place || error instanceof PartDone) throw error;
      this.#throwIfFailed();
      const isKnown = [DivergedError, InterruptedError, WorkerError].some(
        (kind) => error instanceof kind,
      );
      if (!isKnown) this.#announce(error);
      throw error;
    }
  }

  /** Throws UsageError where a job that began with so many workers, 1 where nothing is said, is now done by others. */
  assertSize(expected: number | undefined): void {
    if ((expected ?? 1) === this.size) return;
    throw new UsageError(
      `this run is one of ${expected ?? 1} workers, and this process belongs to ${this.size}: sums would be formed in ` +
        "another order, and the file would be another. Start as many as it began with, or begin a new run",
    );
  }

  /** Tells the others why this worker fails, unless the store is gone: then the first worker is, which they see, too. */
  #announce(error: unknown): void {
    try {
      announceFailure(`failed: ${error instanceof Error ? error.message : error}`);
    } catch (cause) {
      throw error instanceof DeepObfError ? error : this.#goneWithStore(cause);
    }
  }

  /** Waits for a text in the store. */
  async #hear(key: string): Promise<string> {
    for (;;) {
      const text = this.#ask(key);
      if (typeof text === "string") return text;
      this.#throwIfFailed();
      await setTimeout(20);
    }
  }

  /** Waits until a worker is ready. One that has come gets the time that it needs: if it is lost, that is noticed. */
  async #hearReady(rank: number): Promise<void> {
    const tooLate = setTimeout(1000 * secondsToCome, undefined, { ref: false }).then(() => false);
    const ready = this.#hear(`ready/${rank}`).then(() => true);
    if (await Promise.race([ready, tooLate])) return;
    if (this.#ask(`alive/${rank}`) === null) {
      ready.catch(() => {}); // nobody waits for it any more
      throw new WorkerError(`worker ${rank} of ${this.size} did not come in ${secondsToCome} s`);
    }
    await ready;
  }

  #ask(key: string): string | null | undefined {
    try {
      return askWorkers(key);
    } catch (cause) {
      throw this.#goneWithStore(cause);
    }
  }

  #goneWithStore(cause: unknown): WorkerError {
    return new WorkerError(
      `worker 0 of ${this.size} is gone: its store cannot be reached. ${remedy}`,
      { cause },
    );
  }

  #throwIfFailed(): void {
    const failure = workerFailure();
    if (failure) throw new WorkerError(`${failure}. ${remedy}`);
  }
}
