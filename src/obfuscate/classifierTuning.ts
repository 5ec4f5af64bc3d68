// Fine-tuning of the original's classifier: in the last steps it learns together with the chain, by the losses at
// the logits, so that it fits the features that it gets. Its batch norms keep their running statistics.
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { endInLogits } from "../graph/rewrites.ts";
import type { Device, Tensor } from "../torch/index.ts";
import type { Weights } from "./weights.ts";

/** Tells the classifier's weights from the chain's. */
const prefix = "classifier.";

export interface ClassifierTuningOptions {
  /** Share of the stage's steps in which it learns, the last ones. */
  readonly share: number;
  readonly steps: number;
  readonly device: Device;
  readonly precision: "f32" | "bf16";
}

/** A classifier that learns in the last steps of a stage. Dispose of it after use. */
export class ClassifierTuning {
  /** What it learns, by names that nothing in the chain has. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly #network: Network;
  readonly #firstStep: number;

  constructor(classifier: Graph, { share, steps, device, precision }: ClassifierTuningOptions) {
    this.#network = new Network(endInLogits(classifier), { device, precision, trainable: true });
    this.parameters = prefixed(this.#network.parameters);
    this.#firstStep = steps - Math.round(share * steps);
  }

  /** Whether it learns when `step` of the stage's steps are done. */
  learnsAt(step: number): boolean {
    return step >= this.#firstStep;
  }

  /** Logits [N, K] for features [N, C, H, W], with gradients to these and to the parameters. */
  logitsFor(features: Tensor): Tensor {
    return this.#network.apply(features);
  }

  /** All its weights as they are now. */
  weights(): Weights {
    return prefixed(this.#network.toGraph().initializers);
  }

  [Symbol.dispose](): void {
    this.#network.dispose();
  }
}

/** The classifier with its tuned weights, where there are any among these. */
export function withTuned(classifier: Graph, weights: Weights): Graph {
  const initializers = new Map(classifier.initializers);
  for (const name of initializers.keys()) {
    const tuned = weights.get(prefix + name);
    if (tuned) initializers.set(name, tuned);
  }
  return { ...classifier, initializers };
}

function prefixed<T>(values: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...values].map(([name, value]) => [prefix + name, value]));
}
