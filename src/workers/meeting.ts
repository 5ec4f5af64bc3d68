// Where workers meet: a store that one of them, or a launcher, offers.
import { setTimeout } from "node:timers/promises";
import { InterruptedError, ResourceError, signalOf, WorkerError } from "../errors.ts";
import { askWorkers, canHaveWorkers, connectWorkers } from "../torch/index.ts";
import type { Membership } from "./membership.ts";

/** How often this process has met others: it does so anew for each job. */
let meetings = 0;

/**
 * Connects to the store. Throws ResourceError where libtorch is without what workers talk by, WorkerError where the store
 * cannot be reached or does not answer, and InterruptedError where the signal aborts.
 */
export async function meetOthers(membership: Membership, signal?: AbortSignal): Promise<void> {
  if (!canHaveWorkers()) {
    throw new ResourceError(
      "this libtorch has no gloo, by which workers talk: set up with another one, such as that of a PyTorch package " +
        "or Debian's libtorch-dev, or train with one process",
    );
  }
  const meeting = { ...membership, prefix: `deepobf/${membership.attempt}/${meetings++}` };
  try {
    while (!connectWorkers(meeting)) await pause(signal);
    await untilAnswered(membership.patience, signal);
  } catch (cause) {
    throw cause instanceof InterruptedError ? cause : cannotMeet(membership, cause);
  }
}

/** Throws InterruptedError where the signal has aborted what this worker waits for. */
export function throwIfInterrupted(signal: AbortSignal | undefined, awaited: string): void {
  if (!signal?.aborted) return;
  const name = signalOf(signal.reason);
  throw new InterruptedError(name, `stopped by ${name} while ${awaited}`);
}

/** What libtorch says of a failure, in a line. */
export function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;
}

/** Asks a first question: a store of another version takes it, and says nothing. Throws where no answer comes. */
async function untilAnswered(patience: number, signal: AbortSignal | undefined): Promise<void> {
  const end = performance.now() + 1000 * patience;
  while (askWorkers("greeting") === undefined) {
    if (performance.now() > end) throw new RangeError(`no answer in ${patience} s`);
    await pause(signal);
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  throwIfInterrupted(signal, "it waits for the store where workers meet");
  await setTimeout(20);
}

function cannotMeet(membership: Membership, cause: unknown): WorkerError {
  const { rank, host, port, isLaunchersStore } = membership;
  const what = isLaunchersStore
    ? "The store is torchrun's, whose PyTorch may not understand this libtorch. Give torchrun the environment " +
      "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1: then worker 0 offers the store"
    : "Worker 0 offers the store: it is not there, hangs, or has another libtorch";
  return new WorkerError(
    `worker ${rank} cannot meet the others at ${host}:${port}, where MASTER_ADDR and MASTER_PORT say: ` +
      `${reasonOf(cause)}. ${what}`,
    { cause },
  );
}
