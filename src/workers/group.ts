// The workers of a job: what they tell each other besides gradients, and how they end, together or because one is gone.
// A job that one process does alone is a group of one, which says nothing to anybody.
import { setTimeout } from "node:timers/promises";
import { ownCommand } from "../../native/remedies.mjs";
import {
  DeepObfError,
  DivergedError,
  GateError,
  InterruptedError,
  UsageError,
  WorkerError,
} from "../errors.ts";
import { decodeTensors, encodeTensors } from "../runs/safetensors.ts";
import {
  announceFailure,
  askWorkers,
  broadcastFromFirst,
  endSignsOfLife,
  fromBytes,
  joinWorkers,
  leaveWorkers,
  type Tensor,
  tellWorkers,
  workerFailure,
  workers,
  zeros,
} from "../torch/index.ts";
import { meetOthers, reasonOf, throwIfInterrupted } from "./meeting.ts";
import { type Membership, membership } from "./membership.ts";
import { PartDone } from "./partDone.ts";

type Tensors = ReadonlyMap<string, Tensor>;

/** What the first worker tells of what it was to make. */
type Told<T> = { readonly value: T } | Pick<InterruptedError, "signal" | "message">;

const secondsToCome = 300;

/** How long the first worker, whose store ends with it, waits until the others know that the run is done. */
const secondsToHear = 5;

/** How often one that waits for the end of the run looks whether the first worker is still there. */
const looksPerSecond = 5;

const remedy =
  `The newest checkpoint, if one was made, is kept: ${ownCommand} resume DIR goes on with it, ` +
  "--restarts N does so by itself";

/** The workers that do a job together, as one of them sees them; a process that works alone is a group of one. */
export class Group {
  readonly #membership: Membership | undefined;
  readonly #signal: AbortSignal | undefined;
  #messages = 0;

  /** Of this process with others, or of this process alone. */
  private constructor(own?: Membership, signal?: AbortSignal) {
    this.#membership = own;
    this.#signal = signal;
  }

  /**
   * The group that the environment tells of, connected. The signal ends each wait for others that do not train with this
   * one yet, or no more. Throws UsageError, ResourceError where libtorch is without what workers talk by, WorkerError where
   * the first one cannot be reached or does not answer, and InterruptedError.
   */
  static async meet(signal?: AbortSignal, own = membership()): Promise<Group> {
    if (!own) return new Group();
    await meetOthers(own, signal);
    return new Group(own, signal);
  }

  get size(): number {
    return this.#membership?.size ?? 1;
  }

  get rank(): number {
    return this.#membership?.rank ?? 0;
  }

  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** The place among the workers of this machine. */
  get localRank(): number {
    return this.#membership?.localRank ?? 0;
  }

  /**
   * What the first worker makes, for all: a value that JSON can hold, or undefined. Throws InterruptedError where that one
   * is stopped while the others, who train with it, wait.
   */
  async share<T>(make: () => T | Promise<T>): Promise<T> {
    if (!this.#membership) return make();
    const key = `message/${this.#messages++}`;
    if (this.isFirst) {
      try {
        const value = await make();
        tellWorkers(key, JSON.stringify({ value }));
        return value;
      } catch (error) {
        if (error instanceof InterruptedError && workers().size > 1) await this.#stop(key, error);
        throw error;
      }
    }
    const told = JSON.parse(await this.#hear(key)) as Told<T>;
    if (!("signal" in told)) return told.value;
    tellWorkers(`ended/${this.rank}`, "");
    throw new InterruptedError(told.signal, told.message);
  }

  /** Tells the others, who wait for what this worker makes, that it was stopped. */
  async #stop(key: string, { signal, message }: InterruptedError): Promise<void> {
    tellWorkers(key, JSON.stringify({ signal, message }));
    await this.#othersEnded();
  }

  /** The first worker's tensors, for all; undefined where it has none. */
  async shareTensors(tensors: Tensors | undefined): Promise<Tensors | undefined> {
    if (!this.#membership) return tensors;
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
    if (!this.#membership) return;
    tellWorkers(`ready/${this.rank}`, "");
    for (let rank = 0; rank < this.size; rank++) await this.#hearReady(rank);
    const { networkInterface } = this.#membership;
    try {
      joinWorkers(networkInterface);
    } catch (cause) {
      this.#throwIfFailed();
      const error = new WorkerError(
        `cannot connect with the others: ${reasonOf(cause)}. Look at the network interface ` +
          `(GLOO_SOCKET_IFNAME is ${networkInterface ? `"${networkInterface}"` : "not set"}), and at firewalls: ` +
          "besides MASTER_PORT workers talk by ports that the system chooses",
        { cause },
      );
      this.#announce(error);
      throw error;
    }
  }

  /** Ends the common part, when all have come to its end. Throws PartDone on all but the first worker. */
  leave(): void {
    if (this.#membership) leaveWorkers();
    if (!this.isFirst) throw new PartDone();
  }

  /**
   * Does a job of the group. No worker ends before the first one has done the rest of it: if that one is lost, launchers
   * that start a process alone start all again. Where it fails for this worker alone, the others get to know why. Throws
   * WorkerError where another worker is gone.
   */
  async guard<T>(body: () => Promise<T>): Promise<T> {
    if (!this.#membership) return body();
    try {
      const result = await body();
      await this.#release();
      return result;
    } catch (error) {
      if (error instanceof GateError) await this.#release();
      else if (error instanceof PartDone) await this.#awaitRelease(this.#membership);
      else this.#explain(error);
      throw error;
    }
  }

  /** Throws UsageError where so many workers are asked for, and this process does not belong to as many. */
  assertAsked(workers: number | undefined): void {
    if (workers === undefined || workers === this.size) return;
    throw new UsageError(
      `--workers: ${workers} were asked for, and this process is one of ${this.size}. A launcher starts as many ` +
        "(docs/workers.md), and without one the command deepobf; the library starts none",
    );
  }

  /** Throws UsageError where a job that began with so many workers, 1 where nothing is said, is now done by others. */
  assertSize(expected: number | undefined): void {
    if ((expected ?? 1) === this.size) return;
    throw new UsageError(
      `this run is one of ${expected ?? 1} workers, and this process belongs to ${this.size}: sums would be formed in ` +
        "another order, and the file would be another. Start as many as it began with, or begin a new run",
    );
  }

  /** The run is complete: lets the others end. What becomes of them is nothing to it any more. */
  async #release(): Promise<void> {
    try {
      leaveWorkers();
      tellWorkers("done", "");
      await this.#othersEnded();
      endSignsOfLife();
    } catch {
      // a launcher's store that is gone
    }
  }

  /** Waits until the others know the end: the store ends with this worker. */
  async #othersEnded(): Promise<void> {
    const end = performance.now() + 1000 * secondsToHear;
    for (let rank = 1; rank < this.size; rank++) {
      while (typeof askWorkers(`ended/${rank}`) !== "string" && performance.now() < end) {
        await setTimeout(20);
      }
    }
  }

  /** Waits until the first worker has done its part. Throws WorkerError where it is lost or fails. */
  async #awaitRelease({ patience }: Membership): Promise<void> {
    leaveWorkers();
    // Looks are counted, not time: none is made while this process is stopped. Signs of life are a second apart.
    const mostLooks = (patience + 1) * looksPerSecond;
    let sign: string | null | undefined;
    for (let looks = 0; looks <= mostLooks; looks++) {
      throwIfInterrupted(this.#signal, "worker 0 finishes the run");
      const [done, failure, alive] = ["done", "failure", "alive/0"].map((key) => this.#ask(key));
      if (typeof done === "string") return tellWorkers(`ended/${this.rank}`, "");
      if (typeof failure === "string") throw new WorkerError(`${failure}. ${remedy}`);
      if (alive !== undefined && alive !== sign) [sign, looks] = [alive, 0];
      await setTimeout(1000 / looksPerSecond);
    }
    throw new WorkerError(`worker 0 of ${this.size} does not answer for ${patience} s. ${remedy}`);
  }

  /**
   * Says why a job fails: by another worker's failure, where there is one and this worker was not told to stop; else the
   * others get to know.
   */
  #explain(error: unknown): void {
    if (!(error instanceof InterruptedError)) this.#throwIfFailed();
    // Once this worker is alone, its interruption is its own.
    const shared = [DivergedError, WorkerError, ...(workers().size > 1 ? [InterruptedError] : [])];
    const isKnown = shared.some((kind) => error instanceof kind);
    if (!isKnown) this.#announce(error);
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
      const text = await this.#askUntilTold(key);
      if (text !== null) return text;
      await setTimeout(20);
    }
  }

  /** Waits for what the store says of a key: null where nobody has put a text there yet. */
  async #askUntilTold(key: string): Promise<string | null> {
    for (;;) {
      const text = this.#ask(key);
      // Those who train together stop after the same step.
      if (workers().size === 1) throwIfInterrupted(this.#signal, "it waits for the other workers");
      this.#throwIfFailed();
      if (text !== undefined) return text;
      await setTimeout(20);
    }
  }

  /** Waits until a worker is ready. One that has come gets the time that it needs: if it is lost, that is noticed. */
  async #hearReady(rank: number): Promise<void> {
    const tooLate = setTimeout(1000 * secondsToCome, undefined, { ref: false }).then(() => false);
    const ready = this.#hear(`ready/${rank}`).then(() => true);
    if (await Promise.race([ready, tooLate])) return;
    if ((await this.#askUntilTold(`alive/${rank}`)) === null) {
      ready.catch(() => {}); // nobody waits for it any more
      const error = new WorkerError(
        `worker ${rank} of ${this.size} did not come in ${secondsToCome} s`,
      );
      this.#announce(error);
      throw error;
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
