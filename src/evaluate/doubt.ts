// Whether a classifier is given images as it learned them, in words for who gave them.
import { readClassesOfModel } from "../data/classFile.ts";
import { isSameName } from "../data/classNames.ts";
import type { DataOptions } from "../data/dataOptions.ts";
import { type Dataset, isLabelled, type Labelled } from "../data/dataset.ts";
import { notesOnTurned } from "../data/facts.ts";
import type { Normalization } from "../data/normalize.ts";
import { parseDataSpec } from "../data/notation.ts";
import { DataError, UsageError } from "../errors.ts";
import { percent } from "../numbers.ts";
import { quoteForShell } from "../text.ts";
import { fewToJudge } from "./few.ts";
import {
  type Explanation,
  type Form,
  findBetterForm,
  findTellingForm,
  type Judgement,
  judge,
  type Showing,
  triedOf,
} from "./plausibility.ts";

/** The file whose names of classes count for image folders: none where the user gives them. */
export function fileWithNames(options: {
  readonly model: string;
  readonly data: string;
  readonly classes?: DataOptions["classes"];
}): string | undefined {
  const { model, data, classes } = options;
  const isOpen = classes === undefined && parseDataSpec(data).format === "images";
  return isOpen ? model : undefined;
}

/** Classes that a message names. */
const mostNames = 20;
/** An order that few images tell may be wrong of some classes. */
const shareOfShift = 0.9;
const notAsLearned = "the data are not given as it learned them";
/** What to do about an order that no option changes. */
const ofFormat =
  "the format of the data fixes their order: reorder the model's outputs, or give the images as images:DIR with " +
  "--classes FILE";

/**
 * Throws DataError where a classifier's answers cannot be its own, are better for images in another usual form or classes
 * in another order, or have the names of another order in its file; where images have no labels, where other forms tell
 * clearly more of them.
 */
export async function assertNoDoubt(showing: Showing, judgement?: Judgement): Promise<void> {
  const doubt = await findDoubt(showing, judgement);
  if (doubt) throw new DataError(`${doubt}. --accept-original goes on all the same`);
}

/**
 * Throws as `assertNoDoubt` where there are few images to judge by and those that were learned from, which are more, raise
 * a doubt: ten images show no wrong normalisation.
 */
export async function assertNoDoubtOfTraining(showing: Showing, train: Dataset): Promise<void> {
  const { classifier, test, given } = showing;
  if (test.count >= fewToJudge || train.count <= test.count || !isLabelled(train)) return;
  const judgement = await judge(classifier, train, given);
  await assertNoDoubt(
    { ...showing, file: undefined, test: train, kind: "training images" },
    judgement,
  );
}

/**
 * Why images are not given to a classifier as it learned them, and what to do; undefined where they seem to be. The
 * judgement is that by its answers to images with labels.
 */
export async function findDoubt(
  showing: Showing,
  judgement?: Judgement,
): Promise<string | undefined> {
  const { test } = showing;
  const otherNames = await findOtherNames(showing);
  if (otherNames) return otherNames;
  const doubt =
    judgement && isLabelled(test)
      ? await findDoubtWithLabels(judgement, { ...showing, test })
      : await findDoubtWithoutLabels(showing);
  const [turned] = notesOnTurned([test]);
  return doubt && turned ? `${doubt}. But look at this first: ${turned}` : doubt;
}

async function findDoubtWithLabels(
  judgement: Judgement,
  showing: Showing<Labelled>,
): Promise<string | undefined> {
  const { classifier, kind = "images to judge by" } = showing;
  const { accuracy, samples } = judgement;
  const reason = await reasonOf(judgement, showing);
  const right = `${percent(accuracy)} of ${samples} ${kind}`;
  return reason && `${classifier.name} is right on ${right}, ${reason}`;
}

/** What to do where the model's file gives its outputs the names of the classes in another order. */
async function findOtherNames({ classifier, test, file }: Showing): Promise<string | undefined> {
  const { classes } = test;
  if (file === undefined || classes === undefined) return undefined;
  const names = await readClassesOfModel(file).catch((error: unknown) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  const known = new Set(names?.map((name) => name.normalize("NFC")));
  const isSame =
    names?.length === classes.length && classes.every((name) => known.has(name.normalize("NFC")));
  if (!names || !isSame) return undefined;
  const place = names.findIndex((name, output) => !isSameName(name, classes[output]!));
  if (place < 0) return undefined;
  return (
    `${classifier.name} gives its outputs the names of the classes in another order: output ${place} is ` +
    `"${names[place]}" there, and "${classes[place]}" in the data. --classes ${quoteForShell(file)} takes its order`
  );
}

async function findDoubtWithoutLabels(showing: Showing): Promise<string | undefined> {
  const { classifier, given } = showing;
  const found = await findTellingForm(showing);
  if (!found) return undefined;
  const [before, then] = [found.informationAsGiven, found.information].map(percent);
  return (
    `the answers of ${classifier.name} tell ${before} of what they could of the images, and ${then} with ` +
    `${changesOf(found, given).join(" and ")}: ${notAsLearned}`
  );
}

async function reasonOf(
  { confidence, suspicion }: Judgement,
  showing: Showing<Labelled>,
): Promise<string | undefined> {
  const better = await findBetterForm(showing);
  const found = better && remedy(better, showing);
  if (!suspicion) return found && `and ${found}: ${notAsLearned}`;
  const { why, orElse } =
    suspicion === "chance"
      ? { why: "as often as by guessing", orElse: "it has not learned to tell these classes apart" }
      : {
          why: `though it is ${percent(confidence)} sure of its answers on average`,
          orElse: "it is surer than it is right (overfitted, or trained on images of another kind)",
        };
  return found
    ? `${why}: ${notAsLearned}. It is right ${found}`
    : `${why}: either ${notAsLearned}, or ${orElse}. ${nothingFound(showing)}`;
}

function nothingFound(showing: Showing<Labelled>): string {
  const { normalizations, reversed, order } = triedOf(showing);
  const tried = [
    ...(normalizations.length > 0 ? [`other normalisations (${normalizations.join(", ")})`] : []),
    ...(reversed ? ["the channels in reverse"] : []),
    ...(order ? ["another order of the classes"] : []),
  ];
  const sentences = [
    ...(showing.classifier.takesPixels ? ["It normalises its images itself"] : []),
    ...(tried.length > 0 ? [`None of these explains it: ${tried.join(", ")}`] : []),
    ...(order ? [] : ["Of most classes there are too few images to try another order"]),
    "The code that trained it shows how it was given its images",
  ];
  return sentences.join(". ");
}

/** What it is right on, and with which options. */
function remedy(explanation: Explanation, { test, given }: Showing<Labelled>): string {
  const { order, accuracy } = explanation;
  const ofOrder = order ? [describeOrder(order, test)] : [];
  const changes = [...changesOf(explanation, given), ...ofOrder];
  return `on ${percent(accuracy)} with ${changes.join(" and ")}`;
}

/** The options that give images in this form. */
function changesOf({ normalization, reversedChannels }: Form, given: Showing["given"]): string[] {
  const { name, mean, std } = normalization;
  const reversed = given.channelOrder === "bgr" ? "rgb" : "bgr";
  return [
    ...(name === "given" ? [] : [`--mean ${numbers(mean)} --std ${numbers(std)} (${name})`]),
    ...(reversedChannels ? [`--channel-order ${reversed}`] : []),
  ];
}

function describeOrder(order: readonly number[], { classes, hasFixedClasses }: Labelled): string {
  const nameOf = (label: number) => classes[label] ?? String(label);
  if (order.length <= mostNames) {
    const names = order.map((_, output) => nameOf(order.indexOf(output)));
    const remedy = hasFixedClasses ? ` (${ofFormat})` : ", which --classes FILE gives";
    return `its outputs in the order ${names.join(", ")}${remedy}`;
  }
  const advice = hasFixedClasses ? ofFormat : "--classes FILE gives the order of their names";
  const shift = shiftOf(order);
  if (shift !== 0) return `labels shifted by ${shift}: ${advice}`;
  const moved = [...order.keys()].filter((label) => order[label] !== label);
  const shown = moved.slice(0, mostNames).map((label) => `${order[label]} for ${nameOf(label)}`);
  const more = moved.length > shown.length ? `, and ${moved.length - shown.length} more` : "";
  return `other outputs for ${moved.length} of its ${order.length} classes (${shown.join(", ")}${more}): ${advice}`;
}

/** By how much nearly all labels are shifted. */
function shiftOf(order: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const [label, output] of order.entries()) {
    const shift = (output - label + order.length) % order.length;
    counts.set(shift, (counts.get(shift) ?? 0) + 1);
  }
  const [shift, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  return count > shareOfShift * order.length ? shift : 0;
}

function numbers(values: Normalization["mean"]): string {
  return values.map((value) => Number(value.toPrecision(6))).join(",");
}
