// Batches on the device. Images that memory holds lie there as bytes as a whole; others are read ahead and
// go there a batch at a time. A few operators crop, flip, normalise and mix them, so that loading never
// holds up training.

import {
  add,
  type Device,
  div,
  fromBytes,
  indexSelect,
  keep,
  operator,
  reshape,
  type Share,
  scope,
  type Tensor,
  tensor,
} from "../torch/index.ts";
import {
  type Augmentation,
  type EpochPlan,
  mixingShares,
  planEpoch,
  positionTables,
} from "./augmentation.ts";
import { assertBatchOptions } from "./batchOptions.ts";
import { changeColors } from "./colorJitter.ts";
import { type Dataset, imageBytes, noLabel } from "./dataset.ts";
import { type Mixed, mix } from "./mixup.ts";
import { type Normalization, perChannel } from "./normalize.ts";
import { readAhead } from "./readAhead.ts";
import { cropAndResize } from "./resizedCrop.ts";
import { assertShareable, shareOf } from "./share.ts";

export interface BatchOptions extends Normalization {
  /** Images in a batch. */
  readonly batch: number;
  /** Decides order and augmentation. */
  readonly seed: number;
  readonly device?: Device;
  /** None by default. */
  readonly augment?: Augmentation;
  /** Leave out the images at an epoch's end that do not fill a batch. */
  readonly dropLast?: boolean;
}

/** A batch is freed when the next one is asked for. */
export interface Batch {
  /** Normalised float32 images [size, channels, height, width]. */
  readonly images: Tensor;
  /** Class numbers, int64 [size], where the images have labels. */
  readonly labels?: Tensor;
  /** Whether some may have none, which is then `noLabel`. */
  readonly isPartlyLabelled?: true;
  /** What the images are mixed with, where they are. */
  readonly mixed?: Mixed;
  readonly size: number;
}

/** See `positionTables`. */
interface Tables {
  readonly rows: Tensor;
  readonly columns: Tensor;
}

const gather = operator("aten::gather");
const expand = operator("aten::expand");
const unsqueeze = operator("aten::unsqueeze");
const divInPlace = operator("aten::div_.Tensor");
const subInPlace = operator("aten::sub_.Tensor");
const noAugmentation: Augmentation = { crop: 0, flip: false };

/** A data set, dealt out in batches on a device. Dispose of it after use. */
export class Batches {
  readonly dataset: Dataset;
  readonly #options: BatchOptions;
  readonly #images: Tensor | undefined;
  readonly #labels: Tensor | undefined;
  readonly #isPartlyLabelled: boolean;
  readonly #mean: Tensor;
  readonly #std: Tensor;
  readonly #scale: Tensor;
  readonly #positions: Tables | undefined;

  /** Copies what memory holds of the data set to the device. Throws UsageError for options that do not fit the images. */
  constructor(dataset: Dataset, options: BatchOptions) {
    assertBatchOptions(dataset, options);
    const [channels, height, width] = dataset.shape;
    const { augment, device = "cpu" } = options;
    const { mean, std } = perChannel(options, channels);
    const { labels, pixels } = dataset;
    this.dataset = dataset;
    this.#options = options;
    const place = (make: () => Tensor) => scope(() => keep(make()));
    const floats = (values: readonly number[]) =>
      place(() => tensor(values, { shape: [values.length, 1, 1], device }));
    const indices = (values: Int32Array, columns: number) =>
      place(() => reshape(this.#upload(values), [values.length / columns, columns]));
    this.#images = pixels && place(() => this.#uploadImages(pixels));
    this.#labels = labels && place(() => this.#upload(labels));
    this.#isPartlyLabelled = labels?.includes(noLabel) ?? false;
    this.#mean = floats(mean);
    this.#std = floats(std);
    this.#scale = floats([255]);
    if (augment && (augment.crop > 0 || augment.flip)) {
      const { rows, columns } = positionTables({ height, width }, augment);
      this.#positions = { rows: indices(rows, height), columns: indices(columns, width) };
    }
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.count / this.#options.batch;
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /**
   * The batches of an epoch in random order, from the one numbered `from` on: the same ones for the
   * same seed and epoch, whatever came before. A worker gets its share of each, which the shares of all make up
   * in their order. Throws DataError where an image cannot be read, UsageError where a batch cannot be shared out.
   */
  async *epoch(
    epoch: number,
    { from = 0, share = { rank: 0, size: 1 } }: { from?: number; share?: Share } = {},
  ): AsyncGenerator<Batch> {
    const { batch, seed, augment = noAugmentation } = this.#options;
    assertShareable(this.#options, share);
    const plan = planEpoch({ seed, epoch }, { count: this.dataset.count, augment });
    const shares = mixingShares({ seed, epoch }, { count: this.length, augment });
    const lists = Array.from({ length: this.length - from }, (_, index) => {
      const whole = plan.order.subarray((from + index) * batch, (from + index + 1) * batch);
      return shareOf(whole, share, { withBefore: shares !== undefined });
    });
    const reading = this.#images ? undefined : readAhead(this.dataset, lists);
    for (const [index, chosen] of lists.entries()) {
      const read = (await reading?.next())?.value as Uint8Array | undefined;
      const made = scope(() => {
        const shown = this.#show(chosen, { read, plan });
        return shares ? mix(shown, shares[from + index]!, share) : shown;
      });
      const facts = this.#isPartlyLabelled ? { isPartlyLabelled: true as const } : {};
      yield* lend({ ...made, ...facts }, made.images.shape[0]!);
    }
  }

  dispose(): void {
    const own = [this.#images, this.#labels, this.#mean, this.#std, this.#scale];
    for (const each of [...own, ...Object.values(this.#positions ?? {})]) each?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The chosen images as the plan has them, from the device or from the bytes that were `read`. */
  #show(
    chosen: Int32Array,
    { read, plan }: { read: Uint8Array | undefined; plan: EpochPlan },
  ): { images: Tensor; labels?: Tensor } {
    const index = this.#upload(chosen);
    const whole = read ? this.#uploadImages(read) : indexSelect(this.#images!, 0, index);
    const images = this.#normalize(this.#vary(this.#view(whole, chosen, plan), chosen, plan));
    return { images, ...(this.#labels && { labels: indexSelect(this.#labels, 0, index) }) };
  }

  /** Whole images [size, channels, height × width] as the plan shows them. */
  #view(whole: Tensor, chosen: Int32Array, plan: EpochPlan): Tensor {
    if (!this.#positions) return whole;
    const { rows, columns } = this.#lookUp(this.#positions, chosen, plan);
    const [size, channels, area] = whole.shape as [number, number, number];
    const positions = reshape(add(unsqueeze(rows, 2), unsqueeze(columns, 1)), [size, 1, area]);
    return gather(whole, 2, expand(positions, [size, channels, area]));
  }

  /** Rows of the tables for these images, by the rows' numbers for every image of the data set. */
  #lookUp(
    tables: Tables,
    chosen: Int32Array,
    numbers: Readonly<Record<keyof Tables, Int32Array>>,
  ): Tables {
    const rowsOf = (name: keyof Tables) =>
      indexSelect(tables[name], 0, this.#upload(chosen.map((place) => numbers[name][place]!)));
    return { rows: rowsOf("rows"), columns: rowsOf("columns") };
  }

  /** Bytes [size, channels, height × width] as images from 0 to 1, in the parts and colours that the plan has. */
  #vary(bytes: Tensor, numbers: Int32Array, { boxes, jitter }: EpochPlan): Tensor {
    const { shape, channelOrder } = this.dataset;
    const whole = reshape(div(bytes, this.#scale), [numbers.length, ...shape]);
    const part = boxes ? cropAndResize(whole, boxes, numbers) : whole;
    if (!jitter) return part;
    return changeColors(part, { jitter, numbers, ...(channelOrder && { channelOrder }) });
  }

  /** Images from 0 to 1 less the mean, over the standard deviation. */
  #normalize(values: Tensor): Tensor {
    return divInPlace(subInPlace(values, this.#mean), this.#std);
  }

  /** Images as bytes [size, channels, height × width] on the device. */
  #uploadImages(pixels: Uint8Array): Tensor {
    const [channels, height, width] = this.dataset.shape;
    const shape = [pixels.length / imageBytes(this.dataset), channels, height * width];
    return fromBytes(pixels, { dtype: "uint8", shape, device: this.#options.device ?? "cpu" });
  }

  #upload(indices: Int32Array): Tensor {
    return tensor(indices, { dtype: "int64", device: this.#options.device ?? "cpu" });
  }
}

/** Lends a batch, and frees it when the borrower is done. */
function* lend(made: Omit<Batch, "size">, size: number): Generator<Batch> {
  try {
    yield { ...made, size };
  } finally {
    for (const tensor of [made.images, made.labels, made.mixed?.labels]) tensor?.dispose();
  }
}
