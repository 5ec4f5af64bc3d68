// Settings of libtorch: threads, random numbers, determinism, devices.
import { join } from "node:path";
import { setupCommand } from "../../native/remedies.mjs";
import { readStamp } from "../../native/stamp.mjs";
import { hasCudaDriver } from "../../native/system.mjs";
import { ResourceError, UsageError } from "../errors.ts";
import { native } from "./native.ts";
import type { Device } from "./types.ts";

/** Version of the libtorch in use, such as `2.15.0`. */
export function libtorchVersion(): string {
  return native.version();
}

/** What the addon was built from, as SHA-256. */
export function addonVersion(): string {
  return readStamp()?.sources ?? "";
}

/** Takes the lock of an open file, flock(2), until it is closed; whether it was free. Throws where there are none. */
export function lockFile(file: number): boolean {
  return native.lockFile(file);
}

/** Whose processor's kernels OpenBLAS takes, such as `Haswell`; empty where another library multiplies. */
export function blasKernels(): string {
  return native.blasKernels();
}

/** Whether `deepobf::amx_convolution` works here: the processor has AMX, and the kernel allows its use. */
export function hasMatrixUnits(): boolean {
  return native.hasMatrixUnits();
}

/** Sets the number of threads that one operator may use. */
export function setThreads(count: number): void {
  native.setThreads(count);
}

export function threads(): number {
  return native.threads();
}

/** Seeds libtorch's generators of every device. */
export function manualSeed(seed: number): void {
  native.manualSeed(seed);
}

/**
 * Why libtorch's CUDA library could not be loaded; empty where it was, undefined where it was not tried. libtorch looks for
 * CUDA once, at the first seed or convolution: where there is a driver, the library comes before.
 */
let cudaFailure = hasCudaDriver() ? loadCuda() : undefined;

/** Number of CUDA devices; loads libtorch's CUDA library where no driver was seen. */
export function cudaDevices(): number {
  cudaFailure ??= loadCuda();
  return cudaFailure === "" ? native.cudaDevices() : 0;
}

/** Checks a device's name, `cpu`, `cuda` or `cuda:N`. Throws UsageError and ResourceError. */
export function parseDevice(name: string): Device {
  if (name === "cpu") return "cpu";
  const match = /^cuda(?::(\d+))?$/.exec(name);
  if (!match) throw new UsageError(`--device: expected cpu, cuda or cuda:N, received "${name}"`);
  const index = Number(match[1] ?? 0);
  const count = cudaDevices();
  if (index >= count) {
    const reason = cudaFailure
      ? `${cudaFailure}. Use --device cpu, or set up with a PyTorch that has CUDA (activate its environment, then: ` +
        `${setupCommand})`
      : `libtorch ${libtorchVersion()} sees ${count} CUDA devices. Use --device cpu, or look at nvidia-smi and ` +
        "CUDA_VISIBLE_DEVICES";
    throw new ResourceError(`--device ${name}: ${reason}`);
  }
  return `cuda:${index}`;
}

function loadCuda(): string {
  const stamp = readStamp();
  if (!stamp?.cuda) return `libtorch ${libtorchVersion()} was built without CUDA`;
  const [directory = ""] = stamp.libraryDirectories;
  return native.loadCuda(join(directory, "libtorch_cuda.so"));
}
