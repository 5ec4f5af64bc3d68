// Simulation: training the chain to do what the original's extractor does.
import type { Batches } from "../data/index.ts";
import { Network } from "../engine/index.ts";
import type { Graph } from "../graph/graph.ts";
import { sequential } from "../models/index.ts";
import { type Device, Muon, type Optimizer, SGD } from "../torch/index.ts";
import {
  type Checkpoint,
  type JobHooks,
  linearDecay,
  loadState,
  type Position,
  type RunFolder,
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
  const optimizers = chainOptimizers(network, plan, precision);
  if (checkpoint) loadState(checkpoint.tensors, network, optimizers);
  const from: Position = checkpoint ?? startOfStage;
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
        from,
        hooks,
        keeper: {
          log: (record) => run.metrics.append(record),
          save: (position) =>
            run.writeCheckpoint({
              stage: 0,
              ...position,
              tensors: trainingState(network, optimizers),
            }),
          howToGoOn: `To go on: deepobf resume ${run.directory}`,
        },
      },
    );
    return network.toGraph();
  } finally {
    for (const optimizer of optimizers) optimizer.dispose();
    network.dispose();
  }
}

/**
 * Muon for the convolutions, SGD with Nesterov momentum for the rest, as in cifar10-airbench. The scale
 * of a batch norm behind pooling stays 1: only a positive one can be folded into the convolution.
 */
function chainOptimizers(network: Network, plan: Plan, precision: "f32" | "bf16"): Optimizer[] {
  const frozen = new Set(plan.layers.flatMap(({ pool }, i) => (pool ? [`bn${i + 1}.weight`] : [])));
  const parameters = [...network.parameters].filter(([name]) => !frozen.has(name));
  const isMatrix = ([name]: readonly [string, unknown]) => /^conv\d+\.weight$/.test(name);
  const convolutions = new Map(parameters.filter(isMatrix));
  const rest = new Map(parameters.filter((entry) => !isMatrix(entry)));
  return [
    new Muon([{ parameters: convolutions, learningRate: 0.24 }], {
      momentum: 0.6,
      iterations: 4,
      dtype: precision === "bf16" ? "bfloat16" : "float32",
    }),
    new SGD([{ parameters: rest, learningRate: 0.05 }], { momentum: 0.85, nesterov: true }),
  ];
}
