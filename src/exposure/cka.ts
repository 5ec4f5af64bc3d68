// Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414): how alike two layers see the same images,
// whatever the order of their channels. Channels are brought to one variance first, so that their scales say nothing,
// which would otherwise hide that a file is a rescaled copy.
import { Batches, type Dataset, type Normalization, sampleOf } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import { elementCount, type Graph } from "../graph/graph.ts";
import { isConstant } from "../graph/rounding.ts";
import { inferShapes } from "../graph/shapes.ts";
import { layers } from "../graph/traits.ts";
import {
  addScalar,
  div,
  inferenceMode,
  keep,
  matmul,
  mul,
  operator,
  scope,
  sub,
  type Tensor,
  tensor,
  transpose,
} from "../torch/index.ts";

/** CKA of every layer of one network, a row each, with every layer of the other. Layers are named by their results. */
export interface Alignment {
  readonly model: readonly string[];
  readonly original: readonly string[];
  /** From 0, unrelated, to 1, the same up to order and scale. */
  readonly values: readonly (readonly number[])[];
  readonly images: number;
}

/** Most images, and most elements of all layers that are held at once. */
const [mostImages, mostElements] = [256, 2 ** 27];
const fewestImages = 16;

const varianceAndMean = operator<[Tensor, Tensor]>("aten::var_mean.dim");
const flatten = operator("aten::flatten.using_ints");
const dot = operator("aten::dot");
const norm = operator("aten::norm.Scalar");

/** Aligns the layers of two graphs for the same images, by at most 256 of them. */
export async function align(
  { model, original }: { readonly model: Graph; readonly original: Graph },
  dataset: Dataset,
  normalization: Normalization,
): Promise<Alignment> {
  const elements = [model, original].map(sizeOfLayers).reduce((a, b) => Math.max(a, b));
  const count = Math.max(fewestImages, Math.min(mostImages, Math.floor(mostElements / elements)));
  const sample = sampleOf(dataset, count);
  using batches = new Batches(sample, { ...normalization, seed: 0, batch: sample.count });
  const rows: Tensor[] = [];
  const columns: Tensor[] = [];
  for await (const { images } of batches.epoch(0)) {
    rows.push(...kernels(model, images));
    columns.push(...kernels(original, images));
  }
  const values = scope(() =>
    rows.map((row) => columns.map((column) => Math.min(1, Math.max(0, dot(row, column).item())))),
  );
  for (const each of [...rows, ...columns]) each.dispose();
  const [own, others] = [layersOf(model), layersOf(original)];
  return { model: own, original: others, values, images: sample.count };
}

/** Results of the convolutions and linear layers, in order. */
function layersOf({ nodes }: Graph): string[] {
  return nodes.flatMap(({ operator: name, outputs }) => (layers.has(name) ? [outputs[0]!] : []));
}

function sizeOfLayers(graph: Graph): number {
  const facts = inferShapes(graph);
  const sizes = layersOf(graph).map((name) => elementCount(facts.get(name)?.shape ?? []));
  return sizes.reduce((sum, size) => sum + size, 1);
}

/** Of each layer the centred kernel matrix of the images, as a vector of length 1. */
function kernels(graph: Graph, images: Tensor): Tensor[] {
  const names = layersOf(graph);
  using network = new Network(graph);
  return scope(() =>
    inferenceMode(() => {
      const results = network.activations(images, names);
      return names.map((name) => keep(kernelOf(results[name]!)));
    }),
  );
}

function kernelOf(features: Tensor): Tensor {
  return scope(() => {
    const axes = features.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const doubles = features.to({ dtype: "float64" });
    const [variance, mean] = varianceAndMean(doubles, axes, false, true);
    const means = mean.numbers();
    const factors = Array.from(variance.numbers(), (value, channel) =>
      isConstant(means[channel]!, value) ? 0 : 1 / Math.sqrt(value),
    );
    const scaled = mul(
      sub(doubles, mean),
      tensor(factors, { shape: variance.shape, dtype: "float64" }),
    );
    const rows = flatten(scaled, 1, -1).to({ dtype: "float32" });
    const [, center] = varianceAndMean(rows, [0], false, true);
    const centred = sub(rows, center);
    const kernel = flatten(matmul(centred, transpose(centred)), 0, -1).to({ dtype: "float64" });
    return div(kernel, addScalar(norm(kernel), 1e-30));
  });
}
