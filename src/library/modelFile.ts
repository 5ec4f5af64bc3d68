// Models that a caller of the library has as bytes: jobs read files, so that ONNX Runtime and a later start find them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GateError } from "../errors.ts";

/** The path of an ONNX file, or what such a file holds. */
export type ModelSource = string | Uint8Array;

/** The same options with a model that may be bytes. */
export type WithModelSource<T> = Omit<T, "model"> & { readonly model: ModelSource };

/**
 * Does work with a model as a file. Bytes are written to a temporary one, which stays where the work failed after it
 * called `keep`: what is resumed later reads it again. A missed gate is no failure, the work is done.
 */
export async function withModelFile<O extends { readonly model: ModelSource }, T>(
  options: O,
  work: (options: Omit<O, "model"> & { readonly model: string }, keep: () => void) => Promise<T>,
): Promise<T> {
  const { model } = options;
  let isNeeded = false;
  const keep = () => {
    isNeeded = true;
  };
  if (typeof model === "string") return work({ ...options, model }, keep);
  const folder = await mkdtemp(join(tmpdir(), "deepobf-model-"));
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, model);
    const result = await work({ ...options, model: path }, keep);
    isNeeded = false;
    return result;
  } catch (error) {
    if (error instanceof GateError) isNeeded = false;
    throw error;
  } finally {
    if (!isNeeded) await rm(folder, { recursive: true });
  }
}
