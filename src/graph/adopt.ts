// What an original goes through before it is looked at: files of many exporters become graphs of one kind.
import { ModelError } from "../errors.ts";
import type { Graph } from "./graph.ts";
import { fixInputSizes, foldConstants, freeBatch } from "./rewrites.ts";

export interface AdoptOptions {
  /** Channels, height and width of the images. */
  readonly shape: readonly number[];
  /** What messages call the model. */
  readonly name: string;
}

/**
 * The original for images of this shape and any batch size, with what is known before it runs folded.
 * Each step is a rewrite; the order is that in which they need each other. Throws ModelError where the
 * input has other sizes, and where nodes compute with the batch size of the file.
 */
export function adoptModel(graph: Graph, { shape, name }: AdoptOptions): Graph {
  const sized = fixInputSizes(graph, shape);
  const free = freeBatch(sized);
  if (free) return foldConstants(free);
  throw new ModelError(
    `${name} works for a batch of ${String(graph.inputs[0]?.shape?.[0])} images alone, because its ` +
      "nodes compute with that number; export it with a dynamic batch size",
  );
}
