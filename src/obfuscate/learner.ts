// The chain in training, or segments of it, with what trains it; in the last steps the classifier may learn, too.
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { pooledScales } from "../graph/roles.ts";
import type { Tensor } from "../torch/index.ts";
import { averageOf, fineTuningOptimizer, Learner, optimizersFor } from "../train/index.ts";
import { ClassifierTuning } from "./classifierTuning.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Teacher } from "./teacher.ts";
import type { Weights } from "./weights.ts";

export interface ChainLearnerOptions {
  /** The original behind the extractor. */
  readonly classifier: Graph;
  readonly options: ResolvedOptions;
  /** Steps that this learner takes. */
  readonly steps: number;
  /** Share of the steps in which the classifier learns as well, the last ones; 0: it does not. */
  readonly tuneClassifier: number;
}

/** Dispose of it after use. */
export class ChainLearner {
  readonly network: Network;
  readonly learner: Learner;
  readonly #tuning: ClassifierTuning | undefined;

  /** Starts from the weights of a graph of convolutions with batch norm. */
  constructor(graph: Graph, context: ChainLearnerOptions) {
    const { classifier, options, steps, tuneClassifier: share } = context;
    const { device, precision } = options;
    this.network = new Network(graph, { device, precision, trainable: true });
    this.#tuning =
      share > 0 ? new ClassifierTuning(classifier, { device, precision, share, steps }) : undefined;
    const frozen = pooledScales(graph);
    const ofChain = new Map([...this.network.parameters].filter(([name]) => !frozen.has(name)));
    const ofClassifier = this.#tuning?.parameters ?? new Map<string, Tensor>();
    const optimizers = optimizersFor(graph, ofChain, options);
    if (this.#tuning) optimizers.push(fineTuningOptimizer(ofClassifier));
    const averaged = new Map([...ofChain, ...ofClassifier]);
    this.learner = new Learner({
      parameters: new Map([...this.network.parameters, ...ofClassifier]),
      buffers: this.network.buffers,
      optimizers,
      average: averageOf(averaged, { share: options.averageWeights, steps }),
    });
  }

  /**
   * Logits for features [N, C, H, W] that stand in the place of a tensor of the original: by the classifier
   * that learns, once it does, else by the teacher's remainder.
   */
  logitsFor(
    features: Tensor,
    { step, teacher, tensor }: { step: number; teacher: Teacher; tensor: string },
  ): Tensor {
    return this.#tuning?.learnsAt(step)
      ? this.#tuning.logitsFor(features)
      : teacher.logitsFor(tensor, features);
  }

  /** All trained weights as they are now. */
  weights(): Weights {
    return new Map([...this.network.toGraph().initializers, ...(this.#tuning?.weights() ?? [])]);
  }

  [Symbol.dispose](): void {
    for (const owned of [this.learner, this.#tuning, this.network]) owned?.[Symbol.dispose]();
  }
}
