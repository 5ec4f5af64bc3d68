// Before an epoch is trained: both files run in ONNX Runtime, and the original's answers are judged, so that no
// training ends in a file that cannot run, or in the copy of a model that was shown the wrong images.
import { isLabelled, sampleOf } from "../data/index.ts";
import { assertNoDoubt, type Judgement, judge, OnnxClassifier } from "../evaluate/index.ts";
import { openAdopted } from "../evaluate/openModel.ts";
import { encodeModel } from "../onnx/index.ts";
import { OnnxSession } from "../runtime/index.ts";
import type { ResolvedOptions } from "./options.ts";
import { type Inputs, untrainedChain } from "./original.ts";
import { assertSameAnswers } from "./sameAnswers.ts";

/**
 * Runs the original and an untrained sealed chain, and judges the original by some of the test images; undefined
 * where they have no labels. Throws ModelError where a file cannot run or the chain answers otherwise than in training,
 * and DataError, unless `acceptOriginal`, where the original's answers cannot be its own, or are better for images in
 * another usual form or classes in another order.
 */
export async function tryOut(
  inputs: Inputs,
  options: ResolvedOptions,
): Promise<Judgement | undefined> {
  const { original, layout, data } = inputs;
  const { model, threads, acceptOriginal } = options;
  await tryChain(inputs, options);
  const file = { path: model, layout, graph: original };
  await using session = await openAdopted(file, { threads });
  const output = original.outputs[0]?.name;
  const classifier = await OnnxClassifier.open(session, data.test, { layout, output });
  const judgement = isLabelled(data.test) ? await judge(classifier, data.test, options) : undefined;
  if (!acceptOriginal) {
    await assertNoDoubt({ classifier, test: data.test, given: options }, judgement);
  }
  return judgement;
}

/** Throws ModelError where the file that training would end in cannot run, or would be refused for its answers. */
async function tryChain(inputs: Inputs, { mean, std, threads }: ResolvedOptions): Promise<void> {
  const { layout, data } = inputs;
  const { trained, sealed } = untrainedChain(inputs);
  const name = "the untrained chain under the original's classifier";
  await using session = await OnnxSession.open(encodeModel(sealed), { name, threads });
  const classifier = await OnnxClassifier.open(session, data.test, { layout });
  const test = sampleOf(data.test, imagesForChain);
  await assertSameAnswers(classifier, trained, { test, mean, std });
}

/** Images on which the untrained chain runs. */
const imagesForChain = 8;
