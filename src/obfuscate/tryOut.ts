// Before an epoch is trained: both files run in ONNX Runtime, and the original's answers are judged, so that no
// training ends in a file that cannot run, or in the copy of a model that was shown the wrong images.
import { isLabelled, ownImages, sampleOf } from "../data/index.ts";
import { ModelError } from "../errors.ts";
import {
  answer,
  assertNoDoubt,
  assertNoDoubtOfTraining,
  fileWithNames,
  type Judgement,
  judge,
  OnnxClassifier,
} from "../evaluate/index.ts";
import { openOriginal } from "../evaluate/openModel.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeModel } from "../onnx/index.ts";
import { quantizeGraph } from "../quantize/index.ts";
import type { ResolvedOptions } from "./options.ts";
import { type Inputs, untrainedChain } from "./original.ts";
import { assertSameAnswers, findMisreading } from "./sameAnswers.ts";

/** What was found out of an original. */
export interface TriedOut {
  /** Undefined where the images have no labels. */
  readonly judgement: Judgement | undefined;
  /** What would have been refused, had it not been accepted. */
  readonly notes: readonly string[];
}

/**
 * Runs the original and an untrained sealed chain, and judges the original by some of the test images, where these are
 * few by training images, too. Throws ModelError where a file cannot run or the chain answers otherwise than in training;
 * unless `acceptOriginal` also where the original answers otherwise than it was read, and DataError where its answers
 * cannot be its own, or are better for images in another usual form or classes in another order.
 */
export async function tryOut(inputs: Inputs, options: ResolvedOptions): Promise<TriedOut> {
  const { original, layout, data } = inputs;
  const { model, output, threads, acceptOriginal } = options;
  await tryChain(inputs, options);
  const file = { path: model, layout, graph: original, output };
  await using opened = await openOriginal(file, data.test, { threads });
  const { classifier } = opened;
  const judgement = isLabelled(data.test) ? await judge(classifier, data.test, options) : undefined;
  const few = { ...options, test: sampleOf(data.test, fewImages) };
  const misreading = await findMisreading(classifier, original, few);
  if (acceptOriginal) return { judgement, notes: misreading === undefined ? [] : [misreading] };
  if (misreading !== undefined)
    throw new ModelError(`${misreading}. --accept-original goes on all the same`);
  const showing = { classifier, test: data.test, given: options, file: fileWithNames(options) };
  await assertNoDoubt(showing, judgement);
  await assertNoDoubtOfTraining(showing, ownImages(data));
  return { judgement, notes: [] };
}

/**
 * Throws ModelError where the file that training would end in, or one of its quantized ones, cannot run or gives no
 * numbers, or the first would be refused for its answers.
 */
async function tryChain(inputs: Inputs, options: ResolvedOptions): Promise<void> {
  const { layout, data } = inputs;
  const { mean, std, threads, quantize = [] } = options;
  const { trained, sealed } = untrainedChain(inputs);
  const name = "the untrained chain under the original's classifier";
  const test = sampleOf(data.test, fewImages);
  const open = (graph: Graph, called: string) =>
    OnnxClassifier.open(encodeModel(graph), test, { name: called, threads, layout });
  await using classifier = await open(sealed, name);
  await assertSameAnswers(classifier, trained, { test, mean, std });
  for (const each of quantize) {
    const calibration = { train: test, mean, std, layout, threads };
    const small = await quantizeGraph(sealed, each, calibration);
    await using quantized = await open(small, `${name} in ${each}`);
    await answer(quantized, test, { mean, std });
  }
}

/** Images on which both files are tried. */
const fewImages = 8;
