// Model files: reading with a clear message for everything that is no model, writing whole or not at all.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ModelError, ResourceError } from "../errors.ts";
import { sha256Of, writeFileAtomically } from "../files.ts";
import type { Graph } from "../graph/graph.ts";
import { isShortage, whyUnreadable } from "../systemErrors.ts";
import { escapeInvisible } from "../text.ts";
import { encodeModel } from "./encode.ts";
import { ExternalData } from "./external.ts";
import { limits } from "./limits.ts";
import { parseModel, parseWith } from "./parse.ts";

/**
 * Reads a model file; external data may lie below its folder.
 * @throws ModelError where there is no such file, or it is no model that DeepObf can read
 */
export async function readModel(path: string): Promise<Graph> {
  const bytes = await readModelFile(path);
  return parseModel(bytes, { name: path, directory: dirname(resolve(path)) });
}

/** What a model takes on the disk, and what identifies it. */
export interface ModelFileFacts {
  /** Size of the file and of the external data that its tensors are. */
  readonly bytes: number;
  /** SHA-256 of the file; where there are external data, of the file followed by these. */
  readonly sha256: string;
}

/** Size and hash of a model file with its external data. Throws as `readModel` does. */
export async function modelFileFacts(path: string): Promise<ModelFileFacts> {
  const file = await readModelFile(path);
  const external = new ExternalData(dirname(resolve(path)));
  parseWith(file, external, path);
  const parts = [file, ...external.ranges];
  return { bytes: parts.reduce((sum, { length }) => sum + length, 0), sha256: sha256Of(...parts) };
}

/**
 * Writes a model file. It appears under its name only once it is complete; an older file stays until then.
 * @throws ModelError where ONNX cannot hold the graph
 * @throws ResourceError where the file cannot be written
 */
export async function writeModel(graph: Graph, path: string): Promise<void> {
  await writeFileAtomically(path, encodeModel(graph));
}

export async function readModelFile(path: string): Promise<Uint8Array> {
  const name = escapeInvisible(path);
  if (path.includes("\0")) throw new ModelError(`${name}: not a possible path`);
  let file: FileHandle | undefined;
  try {
    // Not blocking: to open a pipe would wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new ModelError(`${name}: is a folder, not an ONNX file`);
    if (!stat.isFile()) throw new ModelError(`${name}: is not a regular file`);
    if (stat.size > limits.fileBytes)
      throw new ModelError(
        `${name}: has ${stat.size} bytes; ONNX files have at most ${limits.fileBytes}`,
      );
    return await file.readFile();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const Failure = isShortage(error) ? ResourceError : ModelError;
    throw new Failure(`${name}: ${whyUnreadable(error)}`, { cause: error });
  } finally {
    await file?.close();
  }
}
