// Before an epoch is trained: both files run in ONNX Runtime, and the original's answers are judged, so that no
// training ends in a file that cannot run, or in the copy of a model that was shown the wrong images.
import { assertLabelled, type Labelled, type Normalization, sampleOf } from "../data/index.ts";
import { DataError } from "../errors.ts";
import {
  explain,
  findBetterForm,
  type Judgement,
  judge,
  OnnxClassifier,
} from "../evaluate/index.ts";
import { openAdopted } from "../evaluate/openModel.ts";
import type { Explanation } from "../evaluate/plausibility.ts";
import { percent } from "../numbers.ts";
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
  if (!data.test.labels) return undefined;
  assertLabelled(data.test, "judging the original");
  const judgement = await judge(classifier, data.test, options);
  if (acceptOriginal) return judgement;
  const doubt = await findDoubt(judgement, { classifier, test: data.test, options });
  if (!doubt) return judgement;
  throw new DataError(
    `${classifier.name} is right on ${percent(judgement.accuracy)} of ${judgement.samples} images to judge by, ` +
      `${doubt}. --accept-original goes on all the same`,
  );
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

/** Why the data are not given as the original learned them; undefined where they seem to be. */
async function findDoubt(
  { confidence, suspicion }: Judgement,
  context: { classifier: OnnxClassifier; test: Labelled; options: ResolvedOptions },
): Promise<string | undefined> {
  const { classifier, test, options } = context;
  const { mean, std } = options;
  if (!suspicion) {
    const better = await findBetterForm(classifier, test, { mean, std });
    return better && `and ${remedy(better, context)}: the data are not given as it learned them`;
  }
  const found = await explain(classifier, test, { mean, std });
  const why =
    suspicion === "chance"
      ? "as often as by guessing"
      : `though it is ${percent(confidence)} sure of its answers on average`;
  const remark = found ? `It is right ${remedy(found, context)}` : nothingFound;
  return `${why}: the data are not given as it learned them. ${remark}`;
}

/** Images on which the untrained chain runs. */
const imagesForChain = 8;

const nothingFound =
  "Other normalisations (0 to 1, ImageNet's, CIFAR-10's, -1 to 1, 0 to 255, Caffe's, MNIST's), the channels in reverse " +
  "and another order of the classes were tried, and none explains it";

/** What it is right on, and with which options. */
function remedy(
  { normalization, reversedChannels, order, accuracy }: Explanation,
  { test, options }: { readonly test: Labelled; readonly options: ResolvedOptions },
): string {
  const { name, mean, std } = normalization;
  const changes = [
    ...(name === "given" ? [] : [`--mean ${numbers(mean)} --std ${numbers(std)} (${name})`]),
    ...(reversedChannels
      ? [`--channel-order ${options.channelOrder === "bgr" ? "rgb" : "bgr"}`]
      : []),
    ...(order ? [describeOrder(order, test.classes)] : []),
  ];
  return `on ${percent(accuracy)} with ${changes.join(" and ")}`;
}

function describeOrder(order: readonly number[], classes: readonly string[]): string {
  const shift = (order[0]! + order.length) % order.length;
  if (order.every((output, label) => output === (label + shift) % order.length)) {
    return `labels shifted by ${shift}`;
  }
  const names = order.map((_, output) => classes[order.indexOf(output)]);
  return `its outputs in the order ${names.join(", ")}, which --classes FILE gives`;
}

function numbers(values: Normalization["mean"]): string {
  return values.map((value) => Number(value.toPrecision(6))).join(",");
}
