// Workers that train together: sums over all of them, and gradients averaged while the backward pass goes on. Where a
// process trains alone, each of these functions gives back what it gets.
import { backward } from "./autograd.ts";
import { tensor } from "./create.ts";
import { native } from "./native.ts";
import { operator } from "./operator.ts";
import { divScalar, select, stack } from "./ops.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** A worker's place among those that train together. */
export interface Share {
  /** From 0. */
  readonly rank: number;
  readonly size: number;
}

/** Where the store is that all workers reach, and how they use it. */
export interface Meeting extends Share {
  readonly host: string;
  readonly port: number;
  /** Whether this process offers the store; a launcher may do that itself. */
  readonly isServer: boolean;
  /** Before every key, so that nobody reads what another attempt left. */
  readonly prefix: string;
  /** Seconds after which a worker that gives no sign of life is given up. */
  readonly patience: number;
}

const alone: Share = { rank: 0, size: 1 };
let share = alone;
let met: Share | undefined;

const sum = operator("deepobf::sum_over_workers");

/** This process's place among the workers that have joined; the only one where it trains alone. */
export function workers(): Share {
  return share;
}

/** Whether this libtorch has what workers talk by. */
export function canHaveWorkers(): boolean {
  return "connectWorkers" in native;
}

/**
 * Connects to the store, again once an earlier group has left. Gives whether it is reached by now: call it until it is.
 * Throws where it cannot be reached in five minutes.
 */
export function connectWorkers(meeting: Meeting): boolean {
  const { host, port, isServer, prefix, rank, size, patience } = meeting;
  const isReached = native.connectWorkers(host, port, isServer, prefix, rank, size, patience);
  if (isReached) met = { rank, size };
  return isReached;
}

/** Puts a text into the store. */
export function tellWorkers(key: string, text: string): void {
  native.tellWorkers(key, text);
}

/** The text in the store: null where nobody has put one there yet, undefined where the store has not answered so far. */
export function askWorkers(key: string): string | null | undefined {
  return native.askWorkers(key);
}

/**
 * Connects the workers with each other, on this network interface where one is named. All must be there; throws once one
 * is known to be gone.
 */
export function joinWorkers(networkInterface = ""): void {
  if (!met) throw new RangeError("expected workers that are connected to a store");
  native.joinWorkers(networkInterface);
  share = met;
}

/**
 * Waits until all workers that have joined come to this point. Then each is alone; the store is still there, and the first
 * one's signs of life (`alive/0`).
 */
export function leaveWorkers(): void {
  agree([]);
  native.leaveWorkers();
  share = alone;
}

/** Ends the signs of life that the first worker gives after it has left. */
export function endSignsOfLife(): void {
  native.endSignsOfLife();
}

/** Which worker is gone, as far as that is known; undefined while all are there. */
export function workerFailure(): string | undefined {
  return native.workerFailure?.() || undefined;
}

/** Tells the other workers why this one ends. */
export function announceFailure(reason: string): void {
  native.announceFailure(reason);
}

/** Gives all workers the values of the first one's tensors. */
export function broadcastFromFirst(tensors: Iterable<Tensor>): void {
  if (share.size === 1) return;
  native.broadcastFromFirst([...tensors].map(({ handle }) => handle));
}

/** The mean of the workers' tensors, with its gradient. */
export function meanOverWorkers(x: Tensor): Tensor {
  return share.size === 1 ? x : divScalar(sum(x), share.size);
}

/** What any of the workers wants. */
export function agree<const Wishes extends readonly boolean[]>(wishes: Wishes): Wishes {
  if (share.size === 1) return wishes;
  return scope(() => {
    const sums = sum(tensor([0, ...wishes.map(Number)])).numbers();
    return sums.slice(1).map((votes) => votes > 0) as unknown as Wishes;
  });
}

/** Gradients that are the same for all workers: the mean of theirs. Dispose of it after use. */
export class SharedGradients {
  readonly #buckets: unknown;

  /** Of these parameters, which are in the same order for all workers. */
  constructor(parameters: readonly Tensor[]) {
    if (share.size > 1) this.#buckets = native.shareGradients(parameters.map((p) => p.handle));
  }

  /** Adds the gradient of a scalar to every `grad`. Gives the means of the workers' `values`, which are scalars. */
  backward(loss: Tensor, values: readonly Tensor[]): Tensor[] {
    const known = values.map((value) => value.detach());
    if (this.#buckets === undefined) {
      backward(loss);
      return known;
    }
    const means = stack(known).to({ device: "cpu", dtype: "float32" });
    native.beginStep(this.#buckets, means.handle);
    backward(loss);
    native.finishStep(this.#buckets);
    return known.map((_, index) => select(means, 0, index));
  }

  dispose(): void {
    if (this.#buckets !== undefined) native.dropGradients(this.#buckets);
  }
}
