// Tasks that are made of images alone, for a simulated pirate: a user has no images of the classes that a real one wants.
import {
  type Dataset,
  type HostBatch,
  hostBatches,
  type Normalization,
  sampleOf,
} from "../../src/data/index.ts";
import { toTensor } from "../../src/engine/constants.ts";
import {
  argmax,
  indexSelect,
  keep,
  matmul,
  mulScalar,
  narrow,
  operator,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/torch/index.ts";

/** Images [N, C, H, W] and their classes, int64 [N]. */
export interface Lesson {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** What to learn from images. */
export interface ProxyTask {
  readonly classes: number;
  readonly lesson: (images: Tensor) => Lesson;
}

const turn = operator("aten::rot90");
const join = operator("aten::cat");
const shrink = operator("aten::_adaptive_avg_pool2d");

/** By how many quarter turns an image was turned (Gidaris et al. 2018, arXiv 1803.07728). */
export const rotations: ProxyTask = {
  classes: 4,
  lesson: (images) => {
    const count = images.shape[0]!;
    const first = (turns: number) => Math.floor((turns * count) / 4);
    const parts = [0, 1, 2, 3].map((turns) =>
      turn(narrow(images, first(turns), first(turns + 1)), turns, [2, 3]),
    );
    const labels = [0, 1, 2, 3].flatMap((turns) =>
      Array<number>(first(turns + 1) - first(turns)).fill(turns),
    );
    return { images: join(parts, 0), labels: tensor(labels, { dtype: "int64" }) };
  },
};

/** Which of these images one is nearest to, by colours of 8×8 places. */
export function nearest(centres: Tensor): ProxyTask {
  const rowsOf = (images: Tensor) =>
    reshape(shrink(images, [8, 8]), [images.shape[0]!, -1]).to({ dtype: "float32" });
  const rows = rowsOf(centres);
  const halfSquares = mulScalar(sum(square(rows), [1]), 0.5);
  return {
    classes: centres.shape[0]!,
    lesson: (images) => {
      const products = matmul(rowsOf(images), transpose(rows));
      return { images, labels: argmax(sub(products, halfSquares)) };
    },
  };
}

/** Some of the images [N, C, H, W], normalised, which live until they are disposed of. */
export async function poolOf(images: Dataset, normalization: Normalization): Promise<Tensor> {
  const sample = sampleOf(images, 2000);
  const whole = { ...normalization, batch: sample.count };
  const { value }: { value?: HostBatch } = await hostBatches(sample, whole).next();
  return keep(toTensor(value!.images, "cpu"));
}

/** The images of these places. */
export function imagesAt(pool: Tensor, places: readonly number[]): Tensor {
  return indexSelect(pool, 0, tensor(places, { dtype: "int64" }));
}
