// Threads that decode images while this one trains. They start with the first task, share every task among
// them, and do not keep the program from ending.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ResourceError } from "../errors.ts";
import { compiledScript } from "../isolate/start.ts";
import { loadSharp } from "./decode.ts";
import type { DecodeReport, DecodeTask } from "./decodeTask.ts";
import type { ImageView } from "./imageView.ts";

const mostThreads = 16;

/** What was found out about files, by their places in the list. */
export interface FilesReport {
  readonly complaints: ReadonlyMap<number, string>;
  /** Those that are shown turned, as their cameras noted. */
  readonly turned: readonly number[];
}

interface Pending {
  readonly resolve: (report: FilesReport) => void;
  readonly reject: (error: Error) => void;
  readonly complaints: Map<number, string>;
  readonly turned: number[];
  /** Threads that still work on it. */
  threads: number;
}

let threads: Worker[] = [];
let tasks = 0;
const pending = new Map<number, Pending>();

/** Decodes files, one after the other into `pixels`. Throws ResourceError where sharp is missing. */
export function decodeFiles(
  paths: readonly string[],
  view: ImageView,
  pixels: SharedArrayBuffer,
): Promise<FilesReport> {
  return perform({ paths, view, pixels });
}

/** Looks at the files' headers alone. Throws ResourceError where sharp is missing. */
export function probeFiles(paths: readonly string[], view: ImageView): Promise<FilesReport> {
  return perform({ paths, view });
}

async function perform(work: Omit<DecodeTask, "id" | "taken">): Promise<FilesReport> {
  await loadSharp();
  if (threads.length === 0) threads = startThreads();
  const task: DecodeTask = { ...work, id: tasks++, taken: new SharedArrayBuffer(4) };
  return new Promise((resolve, reject) => {
    const found = { complaints: new Map(), turned: [] };
    pending.set(task.id, { resolve, reject, ...found, threads: threads.length });
    for (const thread of threads) {
      thread.ref();
      thread.postMessage(task);
    }
  });
}

function startThreads(): Worker[] {
  const script = compiledScript("#decode-worker");
  return Array.from({ length: Math.min(mostThreads, availableParallelism()) }, () => {
    const thread = new Worker(script);
    thread.on("message", finish);
    thread.on("error", abandon);
    return thread;
  });
}

function finish({ id, complaints, turned, failure }: DecodeReport): void {
  const task = pending.get(id);
  if (!task) return;
  for (const [place, complaint] of complaints) task.complaints.set(place, complaint);
  for (const place of turned) task.turned.push(place);
  task.threads--;
  if (failure === undefined && task.threads > 0) return;
  pending.delete(id);
  if (pending.size === 0) for (const thread of threads) thread.unref();
  if (failure === undefined) task.resolve(task);
  else task.reject(new ResourceError(failure));
}

/** A thread has ended, such as for want of memory: what waits fails, and the next task starts anew. */
function abandon(cause: Error): void {
  const error = new ResourceError(`a thread that decodes images failed: ${cause.message}`, {
    cause,
  });
  for (const { reject } of pending.values()) reject(error);
  pending.clear();
  for (const thread of threads) void thread.terminate();
  threads = [];
}
