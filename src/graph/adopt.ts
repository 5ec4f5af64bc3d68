// What an original goes through before it is looked at: files of many exporters become graphs of one kind.
import { ModelError } from "../errors.ts";
import type { Graph } from "./graph.ts";
import {
  dequantize,
  fixInputSizes,
  foldConstants,
  freeBatch,
  takePixelsAsFloats,
  toFloat32Graph,
} from "./rewrites.ts";
import { assertInference } from "./trainingMode.ts";

export interface AdoptOptions {
  /** Channels, height and width of the images. */
  readonly shape: readonly number[];
  /** What messages call the model. */
  readonly name: string;
}

/**
 * The original for float32 images of this shape and any batch size, all floats in float32, with what is
 * known before it runs folded, nothing quantized. A model of pixels from 0 to 255 takes them from 0 to 1. Each step is a
 * rewrite; the order is that in which they need each other. Throws ModelError for a model in training
 * mode, where the input has other sizes, and where nodes compute with the batch size of the file.
 */
export function adoptModel(graph: Graph, { shape, name }: AdoptOptions): Graph {
  assertInference(graph);
  const sized = fixInputSizes(takePixelsAsFloats(dequantize(graph)), shape);
  const free = freeBatch(toFloat32Graph(sized));
  if (free) return foldConstants(free);
  throw new ModelError(
    `${name} works for a batch of ${String(graph.inputs[0]?.shape?.[0])} images alone, because its ` +
      "nodes compute with that number; export it with a dynamic batch size",
  );
}
