// How the chain begins, as in cifar10-airbench (Jordan 2024, arXiv 2404.00498, sections 3.1 and 3.3;
// https://github.com/KellerJordan/cifar10-airbench): the first convolution whitens the images, the
// others hand on what they get. All of it is learned further.
import type { Batches } from "../data/index.ts";
import type { Graph, TensorData } from "../graph/graph.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { type Layer, layerNames } from "../models/index.ts";
import {
  add,
  matmul,
  mulScalar,
  operator,
  reshape,
  scope,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../torch/index.ts";
import type { ChainPlan } from "./plan.ts";

/** The images that are looked at: as many pixels as airbench's 5000 images of CIFAR-10. */
const mostPixels = 5000 * 32 * 32;

/** Norm of a filter that the builder draws (He et al. 2015); whitening and identity get the same. */
const filterNorm = Math.SQRT2;

const unfold = operator("aten::im2col");
const permute = operator("aten::permute");
const flip = operator("aten::flip");
const eigen = operator<[Tensor, Tensor]>("aten::linalg_eigh");

/** The graph of a level that begins from scratch with the initial weights of its convolutions. */
export async function initializeChain(
  graph: Graph,
  { plan, batches }: { plan: ChainPlan; batches: Batches },
): Promise<Graph> {
  const initializers = new Map(graph.initializers);
  for (const [i, layer] of plan.layers.entries()) {
    const name = layerNames.convolution(i + 1);
    const drawn = initializers.get(name);
    if (!drawn) continue;
    const started =
      i === 0 ? await withWhitening(drawn, batches, layer) : withIdentity(drawn, filterNorm);
    initializers.set(name, started);
  }
  return { ...graph, initializers };
}

/** The first min(O, I) filters of a weight [O, I, KH, KW] give the inputs of their number, times `norm`. */
export function withIdentity(weight: TensorData, norm: number): TensorData {
  const [outputs, inputs, height, width] = weight.shape as [number, number, number, number];
  const area = height * width;
  const centre = Math.floor(height / 2) * width + Math.floor(width / 2);
  const values = Float32Array.from(toFloat32(weight));
  const identities = Math.min(outputs, inputs);
  values.fill(0, 0, identities * inputs * area);
  for (let i = 0; i < identities; i++) values[(i * inputs + i) * area + centre] = norm;
  return fromFloat32(weight.shape, values);
}

/** As many whitening filters as fit into a weight [O, I, KH, KW]; the rest stays as drawn. */
async function withWhitening(
  weight: TensorData,
  batches: Batches,
  layer: Layer,
): Promise<TensorData> {
  const values = Float32Array.from(toFloat32(weight));
  values.set((await whiteningFilters(batches, layer)).subarray(0, values.length));
  return fromFloat32(weight.shape, values);
}

/**
 * Filters [2F, F] whose responses to the images are uncorrelated, F elements of a patch: the
 * eigenvectors of the covariance of the patches that the layer sees, those of the largest eigenvalues
 * first, then their negatives, which pass a ReLU where they do not. All have one norm, since the batch
 * norm behind them divides by the standard deviations, which are the roots of the eigenvalues. None
 * where the images are not finite, of which training complains.
 */
async function whiteningFilters(batches: Batches, layer: Layer): Promise<Float32Array> {
  const covariance = await patchCovariance(batches, layer);
  const whitening = scope(() => {
    if (!Number.isFinite(sum(covariance).item())) return new Float32Array(0);
    const [, vectors] = eigen(covariance);
    const rows = mulScalar(flip(transpose(vectors), [0]), filterNorm).to({ dtype: "float32" });
    const half = rows.toTypedArray() as Float32Array;
    const filters = new Float32Array(2 * half.length);
    filters.set(half);
    filters.set(
      half.map((value) => -value),
      half.length,
    );
    return filters;
  });
  covariance.dispose();
  return whitening;
}

/** Covariance [F, F] of the patches in the first batches, float64 on the CPU. */
async function patchCovariance(batches: Batches, layer: Layer): Promise<Tensor> {
  const [, height, width] = batches.dataset.shape;
  let [pixels, patches] = [0, 0];
  const products: Tensor[] = [];
  const sums: Tensor[] = [];
  for await (const { images, size } of batches.epoch(0)) {
    const [product, total, count] = scope(() => {
      const x = patchesOf(images, layer);
      return [host(matmul(transpose(x), x)), host(sum(x, [0], true)), x.shape[0]!] as const;
    });
    products.push(product);
    sums.push(total);
    patches += count;
    pixels += size * height * width;
    if (pixels >= mostPixels) break;
  }
  const average = (tensors: readonly Tensor[]) =>
    mulScalar(
      tensors.reduce((a, b) => add(a, b)),
      1 / patches,
    );
  const covariance = scope(() => {
    const mean = average(sums);
    return sub(average(products), matmul(transpose(mean), mean));
  });
  for (const each of [...products, ...sums]) each.dispose();
  return covariance;
}

/** What a layer's filters see of images [N, C, H, W]: patches [P, C · KH · KW]. */
function patchesOf(images: Tensor, { kernel, stride, padding }: Layer): Tensor {
  const columns = unfold(images, kernel, [1, 1], padding, stride);
  return reshape(permute(columns, [0, 2, 1]), [-1, columns.shape[1]!]);
}

function host(x: Tensor): Tensor {
  return x.to({ device: "cpu", dtype: "float64" });
}
