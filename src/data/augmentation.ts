// Which crop, which side and which light of every image an epoch shows. All of it is a pure function of seed, epoch
// and place in the data set: nothing is remembered, so a run can go on anywhere.

import { randomBits, symmetricBeta } from "../graph/random.ts";
import { type Jitter, planJitter } from "./colorJitter.ts";
import { type Boxes, planBoxes } from "./resizedCrop.ts";
import { permutation } from "./subsets.ts";

export interface Augmentation {
  /** Pixels by which an image is shifted at most in each direction; edges are mirrored. 0: none. */
  readonly crop: number;
  /**
   * Mirror horizontally: half of the images in the first epoch, the other half in the next, in turns
   * (Keller Jordan's alternating flip, https://arxiv.org/abs/2404.00498).
   */
  readonly flip: boolean;
  /** An image is shown in parts of at least this share of its area (resizedCrop.ts); whole by default. */
  readonly resizedCrop?: number;
  /** Brightness, contrast and saturation change by up to this share (colorJitter.ts); not by default. */
  readonly colorJitter?: number;
  /** Batches are mixed with a share drawn from Beta(mixup, mixup) (mixup.ts); not by default. */
  readonly mixup?: number;
}

/** The images of an epoch in their order, and how each image of the data set is shown. */
export interface EpochPlan {
  readonly order: Int32Array;
  /** Row of `positionTables` that gives an image's rows; by place in the data set, as `columns`. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Absent where images are shown whole. */
  readonly boxes?: Boxes;
  /** Absent where images keep their colours. */
  readonly jitter?: Jitter;
}

/** Order, crops, flips and colours of an epoch over `count` images. */
export function planEpoch(
  time: { readonly seed: number; readonly epoch: number },
  { count, augment }: { count: number; augment: Augmentation },
): EpochPlan {
  const { seed, epoch } = time;
  const { resizedCrop: least, colorJitter: most } = augment;
  const bits = (name: string) => randomBits({ seed, name: `data/${name}` }, count);
  const draw = (name: string, choices: number) =>
    Int32Array.from(choices > 1 ? bits(`${name}/${epoch}`) : new Uint32Array(count), (random) =>
      Math.floor((random / 2 ** 32) * choices),
    );
  const offsets = 2 * augment.crop + 1;
  const columns = draw("column", offsets);
  if (augment.flip) {
    const sides = bits("flip");
    for (let index = 0; index < count; index++) {
      if ((sides[index]! + epoch) % 2 === 1) columns[index]! += offsets;
    }
  }
  return {
    order: permutation(bits(`order/${epoch}`)),
    rows: draw("row", offsets),
    columns,
    ...(least !== undefined && { boxes: planBoxes(time, { count, least }) }),
    ...(most !== undefined && { jitter: planJitter(time, { count, most }) }),
  };
}

/** The shares of the first `count` batches of an epoch in their mixtures; undefined where nothing is mixed. */
export function mixingShares(
  { seed, epoch }: { seed: number; epoch: number },
  { count, augment }: { count: number; augment: Augmentation },
): Float64Array | undefined {
  if (!augment.mixup) return undefined;
  return symmetricBeta({ seed, name: `data/mixup/${epoch}` }, augment.mixup, count);
}

/**
 * For each vertical offset the source row of every row, times `width`, and for each horizontal offset,
 * first as it is and then mirrored, the source column of every column. What lies outside is reflected.
 */
export function positionTables(
  { height, width }: { height: number; width: number },
  { crop }: Augmentation,
): { readonly rows: Int32Array; readonly columns: Int32Array } {
  const offsets = 2 * crop + 1;
  const rows = new Int32Array(offsets * height);
  const columns = new Int32Array(2 * offsets * width);
  for (let offset = 0; offset < offsets; offset++) {
    for (let row = 0; row < height; row++) {
      rows[offset * height + row] = reflect(row + offset - crop, height) * width;
    }
    for (let column = 0; column < width; column++) {
      const source = reflect(column + offset - crop, width);
      columns[offset * width + column] = source;
      columns[(offsets + offset + 1) * width - 1 - column] = source;
    }
  }
  return { rows, columns };
}

/** Mirrors a position beyond the edge back inside; the edge itself is not repeated. */
function reflect(position: number, size: number): number {
  if (position < 0) return -position;
  return position < size ? position : 2 * (size - 1) - position;
}
