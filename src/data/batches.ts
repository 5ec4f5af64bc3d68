// Batches on the device. The whole data set lies there as bytes, and a batch is gathered, cropped,
// flipped, normalised, cut out and mixed by a few operators, so that loading never holds up training.

import { UsageError } from "../errors.ts";
import {
  add,
  type Device,
  fromBytes,
  indexSelect,
  keep,
  narrow,
  operator,
  reshape,
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
import { cutOut, holeTable } from "./cutout.ts";
import type { Dataset } from "./dataset.ts";
import { type Mixed, mix } from "./mixup.ts";
import { type Normalization, perChannel } from "./normalize.ts";

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
  /** Images with their channels innermost in memory, which convolutions on a CPU or GPU prefer. */
  readonly channelsLast?: boolean;
}

/** A batch is freed when the next one is asked for. */
export interface Batch {
  /** Normalised float32 images [size, channels, height, width]. */
  readonly images: Tensor;
  /** Class numbers, int64 [size]. */
  readonly labels: Tensor;
  /** What the images are mixed with, where they are. */
  readonly mixed?: Mixed;
  readonly size: number;
}

/** See `positionTables` and `holeTable`. */
interface Tables {
  readonly rows: Tensor;
  readonly columns: Tensor;
}

const gather = operator("aten::gather");
const expand = operator("aten::expand");
const unsqueeze = operator("aten::unsqueeze");
const divide = operator("aten::div.Tensor");
const divideInPlace = operator("aten::div_.Tensor");
const subtractInPlace = operator("aten::sub_.Tensor");
const noAugmentation: Augmentation = { crop: 0, flip: false };

/** A data set on a device, dealt out in batches. Dispose of it after use. */
export class Batches {
  readonly dataset: Dataset;
  readonly #options: BatchOptions;
  readonly #images: Tensor;
  readonly #labels: Tensor;
  readonly #mean: Tensor;
  readonly #std: Tensor;
  readonly #scale: Tensor;
  readonly #positions: Tables | undefined;
  readonly #holes: Tables | undefined;

  /** Copies the data set to the device. Throws UsageError for options that do not fit the images. */
  constructor(dataset: Dataset, options: BatchOptions) {
    assertBatchOptions(dataset, options);
    const [channels, height, width] = dataset.shape;
    const { augment, device = "cpu" } = options;
    const { mean, std } = perChannel(options, channels);
    this.dataset = dataset;
    this.#options = options;
    const shape = [dataset.labels.length, channels, height * width];
    const place = (make: () => Tensor) => scope(() => keep(make()));
    const floats = (values: readonly number[]) =>
      place(() => tensor(values, { shape: [1, values.length, 1], device }));
    const indices = (values: Int32Array, columns: number) =>
      place(() => reshape(this.#upload(values), [values.length / columns, columns]));
    this.#images = place(() => fromBytes(dataset.images, { dtype: "uint8", shape, device }));
    this.#labels = place(() => this.#upload(dataset.labels));
    this.#mean = floats(mean);
    this.#std = floats(std);
    this.#scale = floats([255]);
    if (augment && (augment.crop > 0 || augment.flip)) {
      const { rows, columns } = positionTables({ height, width }, augment);
      this.#positions = { rows: indices(rows, height), columns: indices(columns, width) };
    }
    if (augment?.cutout) {
      const table = (size: number) => indices(holeTable(size, augment.cutout!), size);
      this.#holes = { rows: table(height), columns: table(width) };
    }
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.labels.length / this.#options.batch;
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /**
   * The batches of an epoch in random order, from the one numbered `from` on: the same ones for the
   * same seed and epoch, whatever came before.
   */
  *epoch(epoch: number, { from = 0 }: { from?: number } = {}): Generator<Batch> {
    const { batch, seed, augment = noAugmentation } = this.#options;
    const [, height, width] = this.dataset.shape;
    const count = this.dataset.labels.length;
    const plan = planEpoch({ seed, epoch }, { count, height, width, augment });
    const shares = mixingShares({ seed, epoch }, { count: this.length, augment });
    for (let index = from; index < this.length; index++) {
      const chosen = plan.order.subarray(index * batch, (index + 1) * batch);
      yield* handOut(() => {
        const gathered = this.#gather(chosen, plan);
        return shares ? mix(gathered, shares[index]!) : gathered;
      });
    }
  }

  /** All images in their order, without augmentation; the last batch may be smaller. */
  *inOrder(): Generator<Batch> {
    const { batch } = this.#options;
    for (let start = 0; start < this.dataset.labels.length; start += batch) {
      yield* handOut(() => {
        const images = this.#finish(narrow(this.#images, start, start + batch));
        const labels = narrow(this.#labels, start, start + batch);
        return { images, labels };
      });
    }
  }

  dispose(): void {
    const tables = [this.#positions, this.#holes].flatMap((each) => Object.values(each ?? {}));
    const own = [this.#images, this.#labels, this.#mean, this.#std, this.#scale, ...tables];
    for (const each of own) each.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #gather(chosen: Int32Array, plan: EpochPlan): { images: Tensor; labels: Tensor } {
    const index = this.#upload(chosen);
    const labels = indexSelect(this.#labels, 0, index);
    const images = this.#finish(this.#view(indexSelect(this.#images, 0, index), chosen, plan));
    if (this.#holes) {
      const { holeRows: rows, holeColumns: columns } = plan;
      cutOut(images, this.#lookUp(this.#holes, chosen, { rows, columns }));
    }
    return { images, labels };
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

  /** Bytes [size, channels, height × width] as normalised images. */
  #finish(bytes: Tensor): Tensor {
    const values = divide(bytes, this.#scale);
    divideInPlace(subtractInPlace(values, this.#mean), this.#std);
    const images = reshape(values, [bytes.shape[0]!, ...this.dataset.shape]);
    return this.#options.channelsLast ? images.to({ memoryFormat: "channelsLast" }) : images;
  }

  #upload(indices: Int32Array): Tensor {
    return tensor(indices, { dtype: "int64", device: this.#options.device ?? "cpu" });
  }
}

/** Throws UsageError for options that do not fit the images. */
export function assertBatchOptions(
  { labels, shape, name }: Dataset,
  options: Omit<BatchOptions, "seed" | "device">,
): void {
  const { batch, augment, dropLast } = options;
  perChannel(options, shape[0]);
  if (augment) assertAugmentation(augment, shape);
  const most = dropLast ? labels.length : Number.MAX_SAFE_INTEGER;
  if (Number.isInteger(batch) && batch >= 1 && batch <= most) return;
  const range = dropLast ? `a batch of 1 to ${most} images` : "a batch of at least 1 image";
  throw new UsageError(`expected ${range} for ${name}, got ${batch}`);
}

function assertAugmentation(
  { crop, cutout = 0, mixup = 0 }: Augmentation,
  [, height, width]: Dataset["shape"],
): void {
  if (!(Number.isFinite(mixup) && mixup >= 0)) {
    throw new UsageError(`expected a number of at least 0 for mixup, got ${mixup}`);
  }
  const size = Math.min(height, width);
  const limits = [
    ["crop", crop, size - 1],
    ["cutout", cutout, size],
  ] as const;
  for (const [name, value, most] of limits) {
    if (Number.isInteger(value) && value >= 0 && value <= most) continue;
    throw new UsageError(
      `expected a ${name} of 0 to ${most} pixels for images of ${height}×${width}, got ${value}`,
    );
  }
}

/** Makes a batch, lends it, and frees it when the borrower is done. */
function* handOut(make: () => Omit<Batch, "size">): Generator<Batch> {
  const made = scope(make);
  try {
    yield { ...made, size: made.labels.shape[0]! };
  } finally {
    for (const tensor of [made.images, made.labels, made.mixed?.labels]) tensor?.dispose();
  }
}
