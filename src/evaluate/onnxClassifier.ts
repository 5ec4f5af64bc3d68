// A classifier in ONNX Runtime.

import type { Dataset } from "../data/dataset.ts";
import { DataError } from "../errors.ts";
import type { TensorData } from "../graph/graph.ts";
import { toFloat32 } from "../graph/tensorData.ts";
import { OnnxSession } from "../runtime/index.ts";
import {
  type Classifier,
  classesOf,
  type ImageInput,
  imageInput,
  inFixedBatches,
} from "./classifier.ts";
import { imagesAs } from "./inputTypes.ts";

/** A session as a classifier of the images of one data set. The session stays the caller's to close. */
export class OnnxClassifier implements Classifier {
  readonly name: string;
  readonly shape: Dataset["shape"];
  readonly outputs: number;
  readonly #session: OnnxSession;
  readonly #input: ImageInput;

  private constructor(
    session: OnnxSession,
    { input, shape, outputs }: { input: ImageInput; shape: Dataset["shape"]; outputs: number },
  ) {
    this.name = session.name;
    this.shape = shape;
    this.outputs = outputs;
    this.#session = session;
    this.#input = input;
  }

  /**
   * Tries the model on one blank image. Throws ModelError where it is no image classifier, and
   * DataError where it takes images of another shape.
   */
  static async open(session: OnnxSession, dataset: Dataset): Promise<OnnxClassifier> {
    const input = imageInput(session.name, session.inputs);
    assertTakes(input, { model: session.name, dataset });
    const batch = input.batch ?? 1;
    const shape = [batch, ...dataset.shape];
    const size = shape.reduce((product, length) => product * length, 4);
    const blank: TensorData = { dtype: "float32", shape, data: new Uint8Array(size) };
    const logits = await firstOutput(session, input, blank);
    const outputs = classesOf(session.name, logits, batch);
    return new OnnxClassifier(session, { input, shape: dataset.shape, outputs });
  }

  async logits(images: TensorData): Promise<Float32Array> {
    const run = async (batch: TensorData) =>
      toFloat32(await firstOutput(this.#session, this.#input, batch));
    const { batch } = this.#input;
    return batch === undefined ? run(images) : inFixedBatches(images, batch, run);
  }

  latency(options: { batch: number; seconds: number }): Promise<number> {
    return this.#session.latency({ ...options, shape: this.shape });
  }

  /** Latencies of two models, measured in turns; see OnnxSession.compareLatency. */
  static compareLatency(
    [first, second]: readonly [OnnxClassifier, OnnxClassifier],
    options: { batch: number; seconds: number },
  ): Promise<readonly [number, number]> {
    const { shape } = first;
    return OnnxSession.compareLatency(first.#session, second.#session, { ...options, shape });
  }
}

/** Runs the model on float32 images. */
async function firstOutput(
  session: OnnxSession,
  input: ImageInput,
  images: TensorData,
): Promise<TensorData> {
  const results = await session.run({ [input.name]: imagesAs(input.dtype, images, session.name) });
  return results[session.outputs[0]!.name]!;
}

function assertTakes(
  { shape }: ImageInput,
  { model, dataset }: { model: string; dataset: Dataset },
): void {
  if (shape.every((size, axis) => size === undefined || size === dataset.shape[axis])) return;
  throw new DataError(
    `${model} takes images of ${shape.map((size) => size ?? "any").join("×")} (channels × height × ` +
      `width), but those of ${dataset.name} are ${dataset.shape.join("×")}`,
  );
}
