// Whether a classifier is given images as it learned them, in words for who gave them.
import type { DataOptions } from "../data/dataOptions.ts";
import type { Labelled } from "../data/dataset.ts";
import type { Normalization } from "../data/normalize.ts";
import { DataError } from "../errors.ts";
import { percent } from "../numbers.ts";
import type { Classifier } from "./classifier.ts";
import { type Explanation, explain, findBetterForm, type Judgement } from "./plausibility.ts";

/** What a classifier is judged by. */
export interface Trial {
  readonly classifier: Classifier;
  readonly test: Labelled;
  /** How the images are given. */
  readonly given: Normalization & Pick<DataOptions, "channelOrder">;
  /** Images on which every other form is tried; by default as many as `explain` and `findBetterForm` take. */
  readonly images?: number;
}

/**
 * Throws DataError where a classifier's answers cannot be its own, or are better for images in another usual form or
 * classes in another order.
 */
export async function assertNoDoubt(judgement: Judgement, trial: Trial): Promise<void> {
  const doubt = await findDoubt(judgement, trial);
  if (doubt) throw new DataError(`${doubt}. --accept-original goes on all the same`);
}

/** Why images are not given to a classifier as it learned them, and what to do; undefined where they seem to be. */
export async function findDoubt(judgement: Judgement, trial: Trial): Promise<string | undefined> {
  const { accuracy, samples } = judgement;
  const reason = await reasonOf(judgement, trial);
  const name = trial.classifier.name;
  return (
    reason && `${name} is right on ${percent(accuracy)} of ${samples} images to judge by, ${reason}`
  );
}

async function reasonOf(
  { confidence, suspicion }: Judgement,
  trial: Trial,
): Promise<string | undefined> {
  const { classifier, test, given, images } = trial;
  const { mean, std } = given;
  if (!suspicion) {
    const better = await findBetterForm(classifier, test, { mean, std }, images);
    return better && `and ${remedy(better, trial)}: the data are not given as it learned them`;
  }
  const found = await explain(classifier, test, { mean, std }, images);
  const why =
    suspicion === "chance"
      ? "as often as by guessing"
      : `though it is ${percent(confidence)} sure of its answers on average`;
  const remark = found ? `It is right ${remedy(found, trial)}` : nothingFound;
  return `${why}: the data are not given as it learned them. ${remark}`;
}

const nothingFound =
  "Other normalisations (0 to 1, ImageNet's, CIFAR-10's, -1 to 1, 0 to 255, Caffe's, MNIST's), the channels in reverse " +
  "and another order of the classes were tried, and none explains it";

/** What it is right on, and with which options. */
function remedy(
  { normalization, reversedChannels, order, accuracy }: Explanation,
  { test, given }: Trial,
): string {
  const { name, mean, std } = normalization;
  const changes = [
    ...(name === "given" ? [] : [`--mean ${numbers(mean)} --std ${numbers(std)} (${name})`]),
    ...(reversedChannels
      ? [`--channel-order ${given.channelOrder === "bgr" ? "rgb" : "bgr"}`]
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
