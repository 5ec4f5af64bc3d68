// Opens originals that ONNX Runtime refuses as they are, though what they compute is plain.
import { ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeModel } from "../onnx/index.ts";
import { OnnxSession, type SessionOptions } from "../runtime/index.ts";

/**
 * Opens a model file in ONNX Runtime or, where it refuses the file, one of the graphs that compute the
 * same, as a file of its own: ONNX Runtime takes no sizes from external data, and has no convolution of
 * doubles. Throws the ModelError about the file where it takes none.
 */
export async function openModel(
  path: string,
  graphs: readonly (() => Graph)[],
  options: SessionOptions = {},
): Promise<OnnxSession> {
  try {
    return await OnnxSession.open(path, options);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    for (const graph of graphs) {
      const session = await attempt(graph, options);
      if (session) return session;
    }
    throw error;
  }
}

async function attempt(
  graph: () => Graph,
  options: SessionOptions,
): Promise<OnnxSession | undefined> {
  try {
    return await OnnxSession.open(encodeModel(graph()), options);
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}
