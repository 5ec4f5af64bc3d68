// Simulation: training the chain to do what the original's extractor does.
import type { Batches } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { sequential } from "../models/index.ts";
import type { Device, Tensor } from "../torch/index.ts";
import {
  type Checkpoint,
  type JobHooks,
  linearDecay,
  loadState,
  type RunFolder,
  recipe,
  startOfStage,
  train,
  trainingState,
} from "../train/index.ts";
import { type JointWeights, jointLoss } from "./joint.ts";
import { type Original, runNetwork } from "./original.ts";
import type { Plan } from "./plan.ts";

/** What a simulation needs besides the data. */
export interface SimulationOptions {
  readonly plan: Plan;
  readonly epochs: number;
  readonly weights: JointWeights;
  readonly device: Device;
  readonly precision: "f32" | "bf16";
  /** Decides the initial weights. */
  readonly seed: number;
}

/** Where a simulation keeps its state and tells how it goes. */
export interface SimulationContext {
  readonly run: RunFolder;
  readonly hooks: JobHooks;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
}

/**
 * Direct simulation: the chain learns the whole extractor at once, by joint training. Gives the
 * trained chain as a graph from images to features.
 */
export async function simulate(
  original: Original,
  batches: Batches,
  options: SimulationOptions & SimulationContext,
): Promise<Graph> {
  const { plan, epochs, weights, device, precision, seed, run, hooks, checkpoint } = options;
  const chain = sequential(plan.layers, { shape: plan.input, seed });
  const network = new Network(chain, { device, precision, trainable: true });
  const optimizers = recipe(trainedParameters(network, plan), { precision });
  if (checkpoint) loadState(checkpoint.tensors, network, optimizers);
  try {
    await train(
      {
        stage: "chain",
        batches,
        epochs,
        optimizers,
        schedule: linearDecay(),
        losses: ({ images, labels }) => {
          const knowledge = original.look(images);
          const features = runNetwork(network, images, { training: true });
          const simulated = { features, logits: original.classify(features) };
          return jointLoss(simulated, { original: knowledge, labels }, weights);
        },
      },
      {
        from: checkpoint ?? startOfStage,
        keeper: run.keeper(0, () => trainingState(network, optimizers)),
        hooks,
      },
    );
    return network.toGraph();
  } finally {
    for (const optimizer of optimizers) optimizer.dispose();
    network.dispose();
  }
}

/** All parameters but the scales of batch norms behind pooling: only positive ones, such as 1, fold. */
function trainedParameters(network: Network, plan: Plan): Map<string, Tensor> {
  const frozen = new Set(plan.layers.flatMap(({ pool }, i) => (pool ? [`bn${i + 1}.weight`] : [])));
  return new Map([...network.parameters].filter(([name]) => !frozen.has(name)));
}
