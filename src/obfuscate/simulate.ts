// Simulation (DeepObfuscation, arXiv 1806.10313): the chain learns to answer as the original's extractor does, by
// the joint loss, all of it at once. recursive/ does the same piece by piece.
import { type Batch, Batches } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import { batchOptions, type Work } from "../jobs/index.ts";
import { sequential } from "../models/index.ts";
import { type LossTerm, linearDecay, train } from "../train/index.ts";
import { withTuned } from "./classifierTuning.ts";
import { initializeChain } from "./initialize.ts";
import { type CalibratedLoss, calibrate, featureTerm, logitTerms } from "./jointLoss.ts";
import { ChainLearner } from "./learner.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Inputs } from "./prepare.ts";
import { simulateRecursively } from "./recursive/simulate.ts";
import { Teacher } from "./teacher.ts";

/** What is shipped: a graph to features, and one from there to logits. */
export interface Simulated {
  readonly chain: Graph;
  readonly classifier: Graph;
}

/** Who teaches, on which images, and by which loss. */
export interface Lesson {
  readonly teacher: Teacher;
  readonly batches: Batches;
  readonly loss: CalibratedLoss;
}

export type SimulationWork = Work<ResolvedOptions, Inputs>;

/** Trains the chain to simulate the extractor; at the end the classifier learns too, where asked. */
export async function simulate(work: SimulationWork): Promise<Simulated> {
  const { options, inputs, run, checkpoint } = work;
  using teacher = new Teacher(inputs.teacher, inputs.boundary, options);
  using batches = new Batches(inputs.data.train, batchOptions(options));
  const loss = await calibrate(options, teacher, batches);
  if (!checkpoint) await run.metrics.append({ calibration: loss.calibration });
  const simulation = options.simulation === "recursive" ? simulateRecursively : simulateDirectly;
  return await simulation(work, { teacher, batches, loss });
}

async function simulateDirectly(work: SimulationWork, lesson: Lesson): Promise<Simulated> {
  const { options, inputs, checkpoint } = work;
  const { plan, classifier } = inputs;
  const { teacher, batches, loss } = lesson;
  const { epochs, seed, tuneClassifier } = options;
  const drawn = sequential(plan.layers, { shape: plan.input, seed });
  const start = checkpoint ? drawn : await initializeChain(drawn, { plan, batches });
  const steps = epochs * batches.length;
  using chain = new ChainLearner(start, { classifier, options, steps, tuneClassifier });
  const forward = ({ images }: Batch, batchWeight?: number) =>
    Object.values(chain.network.forward({ input: images }, { training: true, batchWeight }))[0]!;
  const losses = (batch: Batch, step: number): LossTerm[] => {
    const { boundary } = teacher;
    const known = teacher.look(batch.images, {
      tensors: loss.featureWeight > 0 ? [boundary] : [],
      logits: loss.distillationWeight > 0,
    });
    const features = forward(batch);
    const original = known.features[boundary];
    const terms = original ? [featureTerm(features, original, { name: "feature", loss })] : [];
    if (loss.labelWeight === 0 && loss.distillationWeight === 0) return terms;
    const logits = chain.judge(features, { step, teacher, tensor: boundary });
    return [...terms, ...logitTerms(logits, { batch, originalLogits: known.logits }, loss)];
  };
  const { learner } = chain;
  const stage = { index: 0, name: "chain", learner, batches, epochs, forward, losses };
  await train({ ...stage, schedule: linearDecay() }, work);
  const trained = chain.weights();
  return { chain: chain.network.toGraph(), classifier: withTuned(classifier, trained) };
}
