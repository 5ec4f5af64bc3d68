// A classifier on libtorch: a graph that the engine runs.

import { median } from "../averages.ts";
import type { Network } from "../engine/index.ts";
import type { TensorData } from "../graph/graph.ts";
import type { Layout } from "../graph/layout.ts";
import { uniform } from "../graph/random.ts";
import { fromFloat32, isFloat, toFloat32 } from "../graph/tensorData.ts";
import { type Device, type DType, fromBytes, inferenceMode, scope } from "../torch/index.ts";
import {
  arrangeImages,
  type Classifier,
  classesOf,
  type ImageInput,
  imageInput,
  inFixedBatches,
} from "./classifier.ts";
import { imagesAs } from "./inputTypes.ts";

const warmUpRuns = 3;
const mostRuns = 2000;

/** A network as a classifier of images of one shape. The network stays the caller's to dispose of. */
export class NetworkClassifier implements Classifier {
  readonly name: string;
  readonly shape: Classifier["shape"];
  readonly outputs: number;
  readonly takesPixels: boolean;
  readonly #network: Network;
  readonly #device: Device;
  readonly #input: ImageInput;

  /** Tries the network on one blank image. Throws ModelError where it is no image classifier. */
  constructor(
    network: Network,
    options: {
      name: string;
      shape: Classifier["shape"];
      device?: Device;
      layout?: Layout;
    },
  ) {
    const { name, shape, device = "cpu", layout = "NCHW" } = options;
    this.name = name;
    this.shape = shape;
    this.#network = network;
    this.#device = device;
    this.#input = imageInput(name, network.graph.inputs, layout);
    this.takesPixels = !isFloat(this.#input.dtype);
    const batch = this.#input.batch ?? 1;
    const size = shape.reduce((product, length) => product * length, batch);
    const blank = fromFloat32([batch, ...shape], new Float32Array(size));
    this.outputs = classesOf(name, this.#forward(blank), batch);
  }

  async logits(images: TensorData): Promise<Float32Array> {
    const run = async (batch: TensorData) => toFloat32(this.#forward(batch));
    const { batch } = this.#input;
    return batch === undefined ? run(images) : inFixedBatches(images, batch, run);
  }

  async latency({ batch, seconds }: { batch: number; seconds: number }): Promise<number> {
    const shape = [batch, ...this.shape];
    const size = shape.reduce((product, length) => product * length, 1);
    const images = fromFloat32(shape, uniform({ seed: 0, name: "latency" }, size));
    const times: number[] = [];
    for (let run = 0; run < warmUpRuns; run++) await this.logits(images);
    const end = performance.now() + seconds * 1000;
    do {
      const start = performance.now();
      await this.logits(images);
      times.push(performance.now() - start);
    } while (performance.now() < end && times.length < mostRuns);
    return median(times);
  }

  /** Values of the first output, in float32 on the host. */
  #forward(images: TensorData): TensorData {
    return scope(() =>
      inferenceMode(() => {
        const arranged = arrangeImages(images, this.#input.layout);
        const { dtype, shape, data } = imagesAs(this.#input.dtype, arranged, this.name);
        const input = fromBytes(data, { dtype: dtype as DType, shape, device: this.#device });
        const logits = this.#network.apply(input).to({ dtype: "float32" });
        return { dtype: "float32", shape: logits.shape, data: logits.toBytes() } as const;
      }),
    );
  }
}
