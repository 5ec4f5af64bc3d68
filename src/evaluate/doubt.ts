// Whether a classifier is given images as it learned them, in words for who gave them.
import type { DataOptions } from "../data/dataOptions.ts";
import { type Dataset, isLabelled, type Labelled } from "../data/dataset.ts";
import type { Normalization } from "../data/normalize.ts";
import { DataError } from "../errors.ts";
import { percent } from "../numbers.ts";
import type { Classifier } from "./classifier.ts";
import {
  type Explanation,
  explain,
  type Form,
  findBetterForm,
  findTellingForm,
  type Judgement,
} from "./plausibility.ts";

/** What a classifier is judged by. */
export interface Trial<Images extends Dataset = Dataset> {
  readonly classifier: Classifier;
  readonly test: Images;
  /** How the images are given. */
  readonly given: Normalization & Pick<DataOptions, "channelOrder">;
  /** Images on which every other form is tried; a few hundred by default. */
  readonly images?: number;
}

/**
 * Throws DataError where a classifier's answers cannot be its own, or are better for images in another usual form or
 * classes in another order; where images have no labels, where other forms tell clearly more of them.
 */
export async function assertNoDoubt(trial: Trial, judgement?: Judgement): Promise<void> {
  const doubt = await findDoubt(trial, judgement);
  if (doubt) throw new DataError(`${doubt}. --accept-original goes on all the same`);
}

/**
 * Why images are not given to a classifier as it learned them, and what to do; undefined where they seem to be. The
 * judgement is that by its answers to images with labels.
 */
export async function findDoubt(trial: Trial, judgement?: Judgement): Promise<string | undefined> {
  const { classifier, test } = trial;
  if (!judgement || !isLabelled(test)) return findDoubtWithoutLabels(trial);
  const { accuracy, samples } = judgement;
  const reason = await reasonOf(judgement, { ...trial, test });
  const right = `${percent(accuracy)} of ${samples} images to judge by`;
  return reason && `${classifier.name} is right on ${right}, ${reason}`;
}

async function findDoubtWithoutLabels(trial: Trial): Promise<string | undefined> {
  const { classifier, test, given, images } = trial;
  const { mean, std } = given;
  const found = await findTellingForm(classifier, test, { mean, std }, images);
  if (!found) return undefined;
  const [before, then] = [found.informationAsGiven, found.information].map(percent);
  return (
    `the answers of ${classifier.name} tell ${before} of what they could of the images, and ${then} with ` +
    `${changesOf(found, given).join(" and ")}: the data are not given as it learned them`
  );
}

async function reasonOf(
  { confidence, suspicion }: Judgement,
  trial: Trial<Labelled>,
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
  const remark = found ? `It is right ${remedy(found, trial)}` : nothingFound(classifier);
  return `${why}: the data are not given as it learned them. ${remark}`;
}

function nothingFound({ takesPixels }: Classifier): string {
  const normalisations = takesPixels
    ? "It normalises its images itself; "
    : "Other normalisations (0 to 1, ImageNet's, CIFAR-10's, -1 to 1, 0 to 255, Caffe's, MNIST's), ";
  return `${normalisations}the channels in reverse and another order of the classes were tried, and none explains it`;
}

/** What it is right on, and with which options. */
function remedy(explanation: Explanation, { test, given }: Trial<Labelled>): string {
  const { order, accuracy } = explanation;
  const ofOrder = order ? [describeOrder(order, test.classes)] : [];
  const changes = [...changesOf(explanation, given), ...ofOrder];
  return `on ${percent(accuracy)} with ${changes.join(" and ")}`;
}

/** The options that give images in this form. */
function changesOf({ normalization, reversedChannels }: Form, given: Trial["given"]): string[] {
  const { name, mean, std } = normalization;
  const reversed = given.channelOrder === "bgr" ? "rgb" : "bgr";
  return [
    ...(name === "given" ? [] : [`--mean ${numbers(mean)} --std ${numbers(std)} (${name})`]),
    ...(reversedChannels ? [`--channel-order ${reversed}`] : []),
  ];
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
