// The original, cut at its boundary and frozen: the extractor that is simulated, and the classifier
// that stays.
import { Network } from "../engine/index.ts";
import type { Boundary } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import { cutGraph, foldBatchNorm } from "../graph/rewrites.ts";
import { type Device, noGrad, type Tensor } from "../torch/index.ts";

export interface OriginalOptions {
  readonly device: Device;
  readonly precision: "f32" | "bf16";
}

/** What the original makes of a batch. */
export interface Knowledge {
  /** The feature map at the boundary, [N, C, H, W]. */
  readonly features: Tensor;
  readonly logits: Tensor;
}

/** The frozen original. Dispose of it after use. */
export class Original {
  readonly #extractor: Network;
  readonly #classifier: Network;

  constructor(graph: Graph, boundary: Boundary, options: OriginalOptions) {
    const { extractor, classifier } = cutGraph(foldBatchNorm(graph), boundary.tensor);
    this.#extractor = new Network(extractor, options);
    this.#classifier = new Network(classifier, options);
  }

  /** Features and logits of normalised images [N, C, H, W], without gradients. */
  look(images: Tensor): Knowledge {
    return noGrad(() => {
      const features = runNetwork(this.#extractor, images);
      return { features, logits: runNetwork(this.#classifier, features) };
    });
  }

  /** Logits of any features, with gradients to them. */
  classify(features: Tensor): Tensor {
    return runNetwork(this.#classifier, features);
  }

  dispose(): void {
    this.#extractor.dispose();
    this.#classifier.dispose();
  }
}

/** Runs a network of one input and one output. */
export function runNetwork(
  network: Network,
  input: Tensor,
  options: { training?: boolean } = {},
): Tensor {
  const [name] = network.graph.inputs.map((each) => each.name);
  const [output] = Object.values(network.forward({ [name as string]: input }, options));
  return output as Tensor;
}
