// Direct simulation: the whole chain learns at once.
import type { Batch } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import { sequential } from "../models/index.ts";
import { assertStage } from "../runs/index.ts";
import { type LossTerm, linearDecay, type Stage, train, wholeJob } from "../train/index.ts";
import { withTuned } from "./classifierTuning.ts";
import { initializeChain } from "./initialize.ts";
import { jointTerms, knowledgeFor } from "./jointLoss.ts";
import { ChainLearner } from "./learner.ts";
import type { Lesson, Simulated, SimulationWork } from "./lesson.ts";

/** Trains the chain towards the features and logits of the teacher, and the labels. */
export async function simulateDirectly(work: SimulationWork, lesson: Lesson): Promise<Simulated> {
  const { inputs, options, checkpoint } = work;
  assertStage(checkpoint, 1);
  const { plan, classifier } = inputs;
  const drawn = sequential(plan.layers, { shape: plan.input, seed: options.seed });
  const { batches } = lesson;
  const start = checkpoint ? drawn : await initializeChain(drawn, { plan, batches });
  const { chain, stage } = directStage(start, work, lesson);
  using trained = chain;
  await train(stage, work);
  return {
    chain: trained.network.toGraph(),
    classifier: withTuned(classifier, trained.weights()),
  };
}

/** The only stage of the training, from the weights of `start`, and what it trains, of which the caller disposes. */
export function directStage(
  start: Graph,
  { options, inputs: { classifier } }: Pick<SimulationWork, "options" | "inputs">,
  { teacher, batches, loss }: Lesson,
): { chain: ChainLearner; stage: Stage } {
  const { epochs, tuneClassifier } = options;
  const steps = epochs * batches.length;
  const chain = new ChainLearner(start, { classifier, options, steps, tuneClassifier });
  const forward = ({ images }: Batch, batchWeight?: number) =>
    chain.network.apply(images, { training: true, batchWeight });
  const losses = (batch: Batch, step: number): LossTerm[] => {
    const { boundary } = teacher;
    const known = teacher.look(batch.images, knowledgeFor(loss, [boundary]));
    const features = forward(batch);
    const simulated = { name: "feature", tensor: boundary, features };
    const logits = () => chain.logitsFor(features, { step, teacher, tensor: boundary });
    return jointTerms([simulated], { batch, known, loss, logits });
  };
  const { learner } = chain;
  const part = wholeJob(steps);
  const stage = { index: 0, name: "chain", learner, batches, epochs, part, forward, losses };
  return { chain, stage: { ...stage, schedule: linearDecay() } };
}
