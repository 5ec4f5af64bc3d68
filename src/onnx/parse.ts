import { isOutOfMemory, ModelError, ResourceError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { escapeInvisible } from "../text.ts";
import { decodeModel } from "./decode.ts";
import { ExternalData } from "./external.ts";
import { ModelReader } from "./modelReader.ts";

export interface ParseOptions {
  /** What messages call the model; its path, as a rule. */
  readonly name?: string;
  /** The folder below which external data may lie; where it is absent, external data are refused. */
  readonly directory?: string;
}

/**
 * Reads a serialized ModelProto. `bytes` must not change afterwards: tensors may share its memory.
 * @throws ModelError where the file is damaged, hostile, or uses what DeepObf does not support
 * @throws ResourceError where memory is used up
 */
export function parseModel(bytes: Uint8Array, options: ParseOptions = {}): Graph {
  return parseWith(bytes, new ExternalData(options.directory), options.name);
}

/** Does what `parseModel` does with external data that the caller keeps. */
export function parseWith(bytes: Uint8Array, external: ExternalData, path = "model"): Graph {
  const name = escapeInvisible(path);
  try {
    const file = decodeModel(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return new ModelReader(file, external).read();
  } catch (error) {
    if (error instanceof ModelError)
      throw new ModelError(`${name}: ${error.message}`, { cause: error });
    if (isOutOfMemory(error))
      throw new ResourceError(`${name}: not enough memory to read it`, { cause: error });
    throw error;
  }
}
