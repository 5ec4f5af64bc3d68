// A classifier in ONNX Runtime.

import { assertShape, type Dataset } from "../data/dataset.ts";
import type { TensorData } from "../graph/graph.ts";
import { type Layout, sizesIn } from "../graph/layout.ts";
import { isFloat, toFloat32 } from "../graph/tensorData.ts";
import { OnnxSession, type SessionOptions } from "../runtime/index.ts";
import {
  arrangeImages,
  type Classifier,
  classesOf,
  type ImageInput,
  imageInput,
  inFixedBatches,
} from "./classifier.ts";
import { imagesAs } from "./inputTypes.ts";

export interface OnnxClassifierOptions {
  /** How the model takes its images; channels first by default. */
  readonly layout?: Layout | undefined;
  /** The output that gives the logits, the first by default. */
  readonly output?: string | undefined;
}

/** A model as a classifier of the images of one data set. Declare it with `await using`: it has a session of its own. */
export class OnnxClassifier implements Classifier, AsyncDisposable {
  readonly name: string;
  readonly shape: Dataset["shape"];
  readonly outputs: number;
  readonly takesPixels: boolean;
  readonly runtime: OnnxSession["runtime"];
  readonly #session: OnnxSession;
  readonly #input: ImageInput;
  readonly #output: string;

  private constructor(
    session: OnnxSession,
    options: { input: ImageInput; output: string; shape: Dataset["shape"]; outputs: number },
  ) {
    const { input, output, shape, outputs } = options;
    this.name = session.name;
    this.shape = shape;
    this.outputs = outputs;
    this.takesPixels = !isFloat(input.dtype);
    this.runtime = session.runtime;
    this.#session = session;
    this.#input = input;
    this.#output = output;
  }

  /** Opens a model file, or a model's bytes. Throws as `OnnxSession.open` and `adopt` do. */
  static async open(
    model: string | Uint8Array,
    dataset: Dataset,
    { layout, output, ...options }: OnnxClassifierOptions & SessionOptions = {},
  ): Promise<OnnxClassifier> {
    const session = await OnnxSession.open(model, options);
    return OnnxClassifier.adopt(session, dataset, { layout, output });
  }

  /**
   * Takes a session over, to close it with the classifier, or now where this throws: ModelError where the model is no
   * image classifier, tried on one blank image, and DataError where it takes images of another shape.
   */
  static async adopt(
    session: OnnxSession,
    dataset: Dataset,
    options: OnnxClassifierOptions = {},
  ): Promise<OnnxClassifier> {
    try {
      return await OnnxClassifier.#tried(session, dataset, options);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  static async #tried(
    session: OnnxSession,
    dataset: Dataset,
    { layout = "NCHW", output = session.outputs[0]!.name }: OnnxClassifierOptions,
  ): Promise<OnnxClassifier> {
    const input = imageInput(session.name, session.inputs, layout);
    assertShape(dataset, input.shape, session.name);
    const batch = input.batch ?? 1;
    const shape = [batch, ...dataset.shape];
    const size = shape.reduce((product, length) => product * length, 4);
    const blank: TensorData = { dtype: "float32", shape, data: new Uint8Array(size) };
    const logits = await scores(session, { input, output }, blank);
    const outputs = classesOf(session.name, logits, batch);
    return new OnnxClassifier(session, { input, output, shape: dataset.shape, outputs });
  }

  async logits(images: TensorData): Promise<Float32Array> {
    const run = async (batch: TensorData) =>
      toFloat32(await scores(this.#session, { input: this.#input, output: this.#output }, batch));
    const { batch } = this.#input;
    return batch === undefined ? run(images) : inFixedBatches(images, batch, run);
  }

  latency(options: { batch: number; seconds: number }): Promise<number> {
    return this.#session.latency({ ...options, shape: this.#sizes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close();
  }

  /** Latencies of two models, measured in turns; see OnnxSession.compareLatency. */
  static compareLatency(
    [first, second]: readonly [OnnxClassifier, OnnxClassifier],
    options: { batch: number; seconds: number },
  ): Promise<readonly [number, number]> {
    const shape = first.#sizes;
    return OnnxSession.compareLatency(first.#session, second.#session, { ...options, shape });
  }

  /** Sizes of an image as the model takes it. */
  get #sizes(): readonly number[] {
    return sizesIn(this.#input.layout, this.shape);
  }
}

/** Runs the model on float32 images. */
async function scores(
  session: OnnxSession,
  { input, output }: { input: ImageInput; output: string },
  images: TensorData,
): Promise<TensorData> {
  const arranged = arrangeImages(images, input.layout);
  const results = await session.run({
    [input.name]: imagesAs(input.dtype, arranged, session.name),
  });
  return results[output]!;
}
