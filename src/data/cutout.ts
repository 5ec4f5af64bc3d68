// Cutout (DeVries and Taylor 2017, arXiv 1708.04552): a square at a random place of each image is set to
// zero after normalisation, the mean of all pixels. Its centre may be any pixel, so that it may lie
// partly outside.
import { operator, reshape, type Tensor } from "../torch/index.ts";

const both = operator("aten::logical_and");
const fillWhere = operator("aten::masked_fill_.Scalar");

/** For each place of the centre along an axis of `size` pixels, the pixels that the hole covers, as ones. */
export function holeTable(size: number, hole: number): Int32Array {
  const table = new Int32Array(size * size);
  for (let center = 0; center < size; center++) {
    const start = center - Math.floor(hole / 2);
    const end = Math.min(size, start + hole);
    table.fill(1, center * size + Math.max(0, start), center * size + end);
  }
  return table;
}

/** Sets to zero, in place, what lies in the marked rows [N, H] and columns [N, W] of images [N, C, H, W]. */
export function cutOut(images: Tensor, { rows, columns }: { rows: Tensor; columns: Tensor }): void {
  const [size, , height, width] = images.shape as [number, number, number, number];
  const hole = both(reshape(rows, [size, 1, height, 1]), reshape(columns, [size, 1, 1, width]));
  fillWhere(images, hole, 0);
}
