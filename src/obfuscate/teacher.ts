// The teacher: the original, frozen, as the source of features and logits, and of the logits for simulated features.
import { Network } from "../engine/index.ts";
import type { Boundary } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import { graphBehind } from "../graph/rewrites.ts";
import { type Facts, inferShapes } from "../graph/shapes.ts";
import { type Device, noGrad, type Tensor } from "../torch/index.ts";

export interface TeacherOptions {
  readonly device: Device;
  readonly precision: "f32" | "bf16";
}

/** What the teacher makes of a batch. */
export interface Knowledge {
  /** Feature maps [N, C, H, W] by the name of their tensor. */
  readonly features: Readonly<Record<string, Tensor>>;
  /** Undefined where they were not asked for. */
  readonly logits: Tensor | undefined;
}

/** The frozen original. Dispose of it after use. */
export class Teacher {
  /** Name of the image input. */
  readonly input: string;
  /** Name of the tensor that ends the extractor. */
  readonly boundary: string;
  readonly #graph: Graph;
  readonly #facts: Facts;
  readonly #options: TeacherOptions;
  readonly #network: Network;
  readonly #logits: string;
  /** What follows a tensor, for the tensors asked for so far. */
  readonly #remainders = new Map<string, Network>();

  /** Of a graph whose first output are the logits, the second the features at the boundary. */
  constructor(graph: Graph, boundary: Boundary, options: TeacherOptions) {
    this.#graph = graph;
    this.#facts = inferShapes(graph);
    this.#options = options;
    this.#network = new Network(graph, options);
    this.input = graph.inputs[0]!.name;
    this.#logits = graph.outputs[0]!.name;
    this.boundary = boundary.tensor;
  }

  /** Channels, height and width of a tensor. */
  shapeOf(tensor: string): readonly number[] {
    return this.#facts.get(tensor)!.shape.slice(1);
  }

  /**
   * The features at these tensors, and the logits where they are wanted, for normalised images [N, C, H, W],
   * without gradients. The teacher runs no further than it must.
   */
  look(
    images: Tensor,
    { tensors, logits }: { readonly tensors: readonly string[]; readonly logits: boolean },
  ): Knowledge {
    const outputs = new Set(logits ? [...tensors, this.#logits] : tensors);
    if (outputs.size === 0) return { features: {}, logits: undefined };
    return noGrad(() => {
      const features = this.#network.activations(images, [...outputs]);
      return { features, logits: features[this.#logits] };
    });
  }

  /** Logits that the rest of the teacher gives for features at a tensor, with gradients to them. */
  logitsFor(tensor: string, features: Tensor): Tensor {
    const remainder = this.#remainders.get(tensor) ?? this.#remainderFrom(tensor);
    return remainder.apply(features);
  }

  [Symbol.dispose](): void {
    for (const network of [this.#network, ...this.#remainders.values()]) network.dispose();
  }

  #remainderFrom(tensor: string): Network {
    const part = { tensor, outputs: [this.#logits], facts: this.#facts };
    const remainder = new Network(graphBehind(this.#graph, part), this.#options);
    this.#remainders.set(tensor, remainder);
    return remainder;
  }
}
