// What a file tells of the original that it was made of: structure, names, weights and, with images, features.
import { type Dataset, type LoadOptions, loadTestData, type Normalization } from "../data/index.ts";
import { givenShapes } from "../evaluate/givenShapes.ts";
import { readOriginal, wantedShape } from "../evaluate/readOriginal.ts";
import { adoptModel, plainGraph } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { dequantize, dropTails } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { readMetadata, readModel } from "../onnx/index.ts";
import { fileName } from "../text.ts";
import { type Alignment, align } from "./cka.ts";
import { sharedNames } from "./names.ts";
import { describe, type Sentences } from "./sentences.ts";
import { compareStructures } from "./structure.ts";
import { compareWeights } from "./weights.ts";

export interface ExposureOptions extends Omit<LoadOptions, "shape"> {
  /** The file that is looked at, and the original that it is held against: ONNX files. */
  readonly model: string;
  readonly against: string;
  /** Images to compare features by; without them there is no alignment. */
  readonly data?: string;
  /** Shape of the first input, for files that leave sizes open; that of the other file by default. */
  readonly inputShape?: readonly number[];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** The original's output that tells the classes apart; the one that comes from a linear layer by default. */
  readonly output?: string;
}

/** What the file shares with the original. */
export interface Exposure {
  /** 0 alike to 1 nothing in common. */
  readonly layerEditDistance: number;
  /** 1 alike to 0 nothing in common. */
  readonly graphSimilarity: number;
  /** Names of tensors and nodes that both have. */
  readonly sharedNames: number;
  /** Remarks that both have: producer, documentation, properties. */
  readonly sharedMetadata: number;
  /** Weights of the file that are in the original as they are. */
  readonly sharedWeights: number;
  /** Those that are in it up to the order, scales and signs of channels. */
  readonly sharedWeightsUpToScale: number;
  /** Null where no images were given. */
  readonly cka: Alignment | null;
  /** What each figure says. */
  readonly sentences: Sentences;
}

/** Files, and images to compare features by. */
export interface Comparison extends Pick<ExposureOptions, "model" | "against" | "inputShape"> {
  readonly images?: ComparedImages;
}

/** Images, and both networks for images of their shape. */
export interface ComparedImages extends Normalization {
  readonly dataset: Dataset;
  readonly graphs: { readonly model: Graph; readonly original: Graph };
}

/** Seconds for reading a model, for comparing graphs, and for running images. */
const [readingSeconds, comparingSeconds, runningSeconds] = [60, 300, 3600];

/** Compares two files, by images where they are named. Throws ModelError, DataError and UsageError. */
export async function expose(
  options: ExposureOptions,
  watch: Watch = unwatched,
): Promise<Exposure> {
  const { data } = options;
  const images = data === undefined ? undefined : await openImages(options, data);
  return compareFiles({ ...options, ...(images && { images }) }, watch);
}

/** Compares two files. Throws ModelError. */
export async function compareFiles(
  { model: path, against, inputShape, images }: Comparison,
  { announce }: Watch = unwatched,
): Promise<Exposure> {
  announce("reading", readingSeconds);
  const [model, original] = [await readModel(path), await readModel(against)];
  // Layers and weights as they are in floats, whatever a quantizer or an optimizer wrote; names as they are.
  const [floats, others] = [model, original].map((graph) => dequantize(plainGraph(graph))) as [
    Graph,
    Graph,
  ];
  const metadata = [await readMetadata(path), await readMetadata(against)];
  announce("comparing", comparingSeconds);
  const withFacts = (graph: Graph, other: Graph) => {
    const cut = dropTails(graph);
    const shape = inputShape ?? fixedShape(graph) ?? fixedShape(other);
    const isFixed = cut.inputs[0]?.shape?.every((size) => typeof size === "number");
    return { graph: cut, facts: inferShapes(cut, givenShapes(cut, isFixed ? undefined : shape)) };
  };
  const structure = compareStructures(withFacts(floats, others), withFacts(others, floats));
  const names = sharedNames(model, original);
  const weights = compareWeights(floats, others);
  const texts = metadata[0]!.filter((text) => metadata[1]!.includes(text));
  announce("running images through", runningSeconds);
  const cka = images ? await align(images.graphs, images.dataset, images) : null;
  return {
    layerEditDistance: structure.layerEditDistance,
    graphSimilarity: structure.graphSimilarity,
    sharedNames: names.inner.length + names.outer.length,
    sharedMetadata: texts.length,
    sharedWeights: weights.shared,
    sharedWeightsUpToScale: weights.sharedUpToScale,
    cka,
    sentences: describe({ structure, names, texts, weights, cka }),
  };
}

/** The shape of a file's first input for one image, where it has all sizes but the batch. */
function fixedShape({ inputs: [input] }: Graph): readonly number[] | undefined {
  const [, ...sizes] = input?.shape ?? [];
  const known = sizes.filter((size) => typeof size === "number");
  return sizes.length > 0 && known.length === sizes.length ? [1, ...known] : undefined;
}

async function openImages(
  { model, against, output, mean = [0], std = [1], ...options }: ExposureOptions,
  data: string,
): Promise<ComparedImages> {
  const files = { model: await readOriginal(model), original: await readOriginal(against) };
  const { test } = await loadTestData(data, { ...options, ...wantedShape(files.original) });
  const { shape } = test;
  const graphs = {
    model: adoptModel(files.model, { shape, name: fileName(model) }),
    original: adoptModel(files.original, { shape, name: fileName(against), output }),
  };
  return { mean, std, dataset: test, graphs };
}
