// What an original goes through before it is looked at: files of many exporters become graphs of one kind.
import { ModelError } from "../errors.ts";
import { exportForAnyBatch } from "./exportLines.ts";
import type { Graph } from "./graph.ts";
import { assertImagesApart } from "./imagesApart.ts";
import { imageLayout, sizesIn, turnInput } from "./layout.ts";
import { assertNoMeasure, batchAxisOf, findLogits, keepOutput } from "./logits.ts";
import {
  dequantize,
  dropTails,
  fixInputSizes,
  foldConstants,
  freeBatch,
  nameSqueezedAxes,
  sinkTransposes,
  takeImagesAlone,
  takeLogits,
  takePixelsAsFloats,
  toFloat32Graph,
  unfuse,
  widenFloats,
} from "./rewrites.ts";
import { inferShapes } from "./shapes.ts";
import { assertInference } from "./trainingMode.ts";

export interface AdoptOptions {
  /** Channels, height and width of the images. */
  readonly shape: readonly number[];
  /** What messages call the model. */
  readonly name: string;
  /** The output that tells the classes apart; found where it is not given. */
  readonly output?: string | undefined;
}

/**
 * A file's graph with its images as the only input, and what ONNX Runtime's optimizer fused taken apart, in the file's own
 * numbers. Such a graph stays as it is.
 */
export function ownGraph(file: Graph): Graph {
  return takeImagesAlone(unfuse(file));
}

/** The same with all floats in float32. */
export function plainGraph(file: Graph): Graph {
  return ownGraph(widenFloats(file));
}

/**
 * The original for float32 images of this shape, channels first, and any batch size, all floats in float32,
 * with what is known before it runs folded and nothing quantized. A model of pixels from 0 to 255 takes
 * them from 0 to 1. Each step is a rewrite; the order is that in which they need each other. Throws
 * ModelError for a model in training mode, for an input of another kind or other sizes, where no output
 * gives scores of classes, and where nodes compute with the batch size of the file or with all images together.
 */
export function adoptModel(file: Graph, options: AdoptOptions): Graph {
  const graph = plainGraph(file);
  assertInference(graph);
  const scored = takeScores(takePixelsAsFloats(dequantize(graph)), options);
  const turned = imageLayout(graph) === "NCHW" ? scored : turnInput(scored, "NCHW");
  const free = freeBatch(toFloat32Graph(turned));
  if (free) {
    assertImagesApart(free, options.name);
    return sinkTransposes(foldConstants(free));
  }
  throw new ModelError(
    `${options.name} works for batches of size ${String(graph.inputs[0]?.shape?.[0])} alone, because its nodes ` +
      `compute with that number; export it with any batch size:\n  ${exportForAnyBatch}`,
  );
}

/**
 * The file's graph for images of this shape, in its own layout and numbers, with scores of classes as its only output:
 * those of the network in floats, where it is quantized. Throws ModelError where no output gives them as a row for each
 * image, and for a single number that may be a measure, unless it is asked for.
 */
export function takeScores(
  graph: Graph,
  { shape, output }: Pick<AdoptOptions, "shape" | "output">,
): Graph {
  const sizes = sizesIn(imageLayout(graph), shape);
  const sized = nameSqueezedAxes(fixInputSizes(dropTails(keepOutput(graph, output)), sizes));
  const floats = dequantize(sized);
  const facts = inferShapes(floats);
  const fileOutputs = graph.outputs.map(({ name }) => name);
  const tensor = findLogits(floats, facts);
  const batchAxis = batchAxisOf(floats, { facts, tensor });
  if (output === undefined) assertNoMeasure(floats, { facts, tensor, batchAxis });
  return takeLogits(sized, { tensor, facts, batchAxis, fileOutputs });
}
