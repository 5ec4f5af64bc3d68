// Loads the addon, once, and types what it exports. Only this folder calls it.
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { doctorCommand, setupCommand } from "../../native/remedies.mjs";
import { checkAddon } from "../../native/stamp.mjs";
import { ResourceError } from "../errors.ts";
import { memoryToKeep } from "./memory.ts";
import { nameKernels } from "./processor.ts";

/** Index of a tensor in the addon's table. */
export type Handle = number;

/** What native/*.cc defines. */
export interface Native {
  resolve(name: string, overload: string): number;
  call(operator: number, ...args: readonly unknown[]): unknown;
  backward(loss: Handle): void;
  grad(outputs: Handle[], inputs: Handle[], gradOutputs: Handle[]): Handle[];
  gradientOf(tensor: Handle): Handle | null;
  clearGradients(tensors: Handle[]): void;
  setRequiresGrad(tensor: Handle, value: boolean): void;
  requiresGrad(tensor: Handle): boolean;
  withoutGrad<T>(body: () => T): T;
  inInferenceMode<T>(body: () => T): T;
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: number): Handle;
  toBytes(tensor: Handle): Uint8Array;
  item(tensor: Handle): number;
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): number;
  device(tensor: Handle): string;
  release(tensor: Handle): void;
  report(tensor: Handle, sign: 1 | -1): void;
  liveTensors(): number;
  keepMemory(bytes: number): void;
  claimAddon(): boolean;
  version(): string;
  setThreads(count: number): void;
  threads(): number;
  manualSeed(seed: number): void;
  blasKernels(): string;
  hasMatrixUnits(): boolean;
  loadCuda(path: string): string;
  cudaDevices(): number;
  completeMeta(): void;
  lockFile(file: number): boolean;
  connectWorkers(
    ...place: [
      ...[host: string, port: number, isServer: boolean, prefix: string],
      ...[rank: number, size: number, patience: number],
    ]
  ): boolean;
  tellWorkers(key: string, text: string): void;
  askWorkers(key: string): string | null | undefined;
  joinWorkers(networkInterface: string): void;
  leaveWorkers(): void;
  endSignsOfLife(): void;
  /** Missing where libtorch has no gloo, as all of these. */
  workerFailure?(): string;
  announceFailure(reason: string): void;
  broadcastFromFirst(tensors: Handle[]): void;
  shareGradients(parameters: Handle[]): unknown;
  dropGradients(buckets: unknown): void;
  beginStep(buckets: unknown, values: Handle): void;
  finishStep(buckets: unknown): void;
}

function load(): Native {
  const { addon, problem } = checkAddon();
  if (problem?.fatal) throw cannotLoad(problem.message);
  if (problem) process.stderr.write(`warning: ${problem.message}\n`);
  nameKernels();
  const loaded = open(addon);
  if (!loaded.claimAddon()) {
    throw new ResourceError(
      "libtorch is in use by another thread of this process, and serves one alone. Start a process for each job, " +
        "not a thread of worker_threads",
    );
  }
  useAllCores(loaded);
  loaded.keepMemory(memoryToKeep());
  return loaded;
}

function open(addon: string): Native {
  try {
    return createRequire(import.meta.url)(addon) as Native;
  } catch (error) {
    throw cannotLoad(error instanceof Error ? error.message : String(error), error);
  }
}

/** libtorch 1.13 counts a single core on processors newer than itself. */
function useAllCores(loaded: Native): void {
  if (loaded.threads() === 1 && process.env.OMP_NUM_THREADS === undefined) {
    loaded.setThreads(availableParallelism());
  }
}

function cannotLoad(reason: string, cause?: unknown): ResourceError {
  const width = Math.max(setupCommand.length, doctorCommand.length);
  return new ResourceError(
    `The addon that binds libtorch could not be loaded: ${reason}
Possible solutions:
  ${setupCommand.padEnd(width)}  finds or installs libtorch and builds the addon
  ${doctorCommand.padEnd(width)}  shows what was found`,
    { cause },
  );
}

export const native: Native = load();
