// Direct simulation: the whole chain learns at once.
import type { Batch } from "../data/index.ts";
import { sequential } from "../models/index.ts";
import { type LossTerm, linearDecay, train } from "../train/index.ts";
import { withTuned } from "./classifierTuning.ts";
import { initializeChain } from "./initialize.ts";
import { featureTerm, logitTerms } from "./jointLoss.ts";
import { ChainLearner } from "./learner.ts";
import type { Lesson, Simulated, SimulationWork } from "./lesson.ts";

/** Trains the chain towards the features and logits of the teacher, and the labels. */
export async function simulateDirectly(work: SimulationWork, lesson: Lesson): Promise<Simulated> {
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
