// Reads a model that libtorch is to run, and what its file says of the images that it takes.
import type { LoadOptions } from "../data/index.ts";
import { assertSupported } from "../engine/index.ts";
import { plainGraph } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { imageLayout, sizesFrom } from "../graph/layout.ts";
import { assertImageClassifier, assertTakesImages } from "../graph/otherKinds.ts";
import { dequantize, dropTails } from "../graph/rewrites.ts";
import { assertInference } from "../graph/trainingMode.ts";
import { readModel } from "../onnx/index.ts";

/** Channels, height and width, as far as a file says them. */
export type WantedShape = Pick<LoadOptions, "shape">;

/**
 * Reads a model file, all floats in float32, what ONNX Runtime's optimizer fused taken apart, with its images as the
 * only input. Throws ModelError where it cannot be read, or the engine does not support it.
 */
export async function readOriginal(path: string): Promise<Graph> {
  const graph = plainGraph(await readModel(path));
  assertImageClassifier(graph);
  assertTakesImages(graph);
  assertInference(graph);
  assertSupported(dropTails(dequantize(graph)));
  return graph;
}

/** Channels, height and width of the images that a model takes, where its file says all of them. */
export function knownShape(graph: Graph): readonly number[] | undefined {
  const sizes = wantedShape(graph).shape?.filter((size) => size !== undefined);
  return sizes?.length === 3 ? sizes : undefined;
}

/** The shape that an image folder's images are brought to: that of the model's input, as far as it is fixed. */
export function wantedShape(graph: Graph): WantedShape {
  const { shape = [] } = graph.inputs[0] ?? {};
  const layout = imageLayout(graph);
  if (shape.length !== 4 && layout !== "NHW") return {};
  const [, ...sizes] = shape.map((size) => (typeof size === "number" ? size : undefined));
  const [channels, height, width] = sizesFrom(layout, sizes);
  return { shape: [channels, height, width] };
}
