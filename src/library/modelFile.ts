// Models that a caller of the library has as bytes: jobs read files, so that ONNX Runtime and a later start find them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InterruptedError, ResourceError, WorkerError } from "../errors.ts";

/** The path of an ONNX file, or what such a file holds. */
export type ModelSource = string | Uint8Array;

/** The same options with a model that may be bytes. */
export type WithModelSource<T> = Omit<T, "model"> & { readonly model: ModelSource };

/**
 * Does work with a model as a file. Bytes are written to a temporary one, which stays where the work was
 * interrupted, or lacked memory, disk or a worker: what is resumed later reads it again.
 */
export async function withModelFile<O extends { readonly model: ModelSource }, T>(
  options: O,
  work: (options: Omit<O, "model"> & { readonly model: string }) => Promise<T>,
): Promise<T> {
  const { model } = options;
  if (typeof model === "string") return work({ ...options, model });
  const folder = await mkdtemp(join(tmpdir(), "deepobf-model-"));
  let keep = false;
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, model);
    return await work({ ...options, model: path });
  } catch (error) {
    keep = [InterruptedError, ResourceError, WorkerError].some((kind) => error instanceof kind);
    throw error;
  } finally {
    if (!keep) await rm(folder, { recursive: true });
  }
}
