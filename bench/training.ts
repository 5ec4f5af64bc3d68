// The sides of the training benchmarks.
import { fileURLToPath } from "node:url";
import type { Precision } from "../src/engine/index.ts";
import { Contestant } from "./contestant.ts";
import { peerScript } from "./python.ts";

/** What native/allocator.cc sets for ours: glibc keeps memory instead of returning it to the kernel. */
const tunedMalloc = { MALLOC_MMAP_MAX_: "0", MALLOC_TRIM_THRESHOLD_: String(2 ** 40) };

export async function startOurs(precision: Precision, threads: number): Promise<Contestant> {
  const worker = fileURLToPath(new URL("trainingWorker.js", import.meta.url));
  const command = [process.execPath, worker, precision, String(threads)];
  return await Contestant.start(`deepobf ${precision}`, { command });
}

/** PyTorch as it comes: eager, float32, contiguous, glibc's malloc as it is. */
export async function startPlain(python: string, threads: number): Promise<Contestant> {
  const command = [python, peerScript("train"), "plain", String(threads)];
  return await Contestant.start("PyTorch as it comes", { command });
}

/** PyTorch at its best: channels last, malloc tuned, autocast in bf16. */
export async function startBest(
  python: string,
  { precision, threads }: { precision: Precision; threads: number },
): Promise<Contestant> {
  const command = [python, peerScript("train"), precision, String(threads)];
  return await Contestant.start(`PyTorch at its best, ${precision}`, {
    command,
    environment: tunedMalloc,
  });
}
