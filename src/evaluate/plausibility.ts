// Whether a classifier's answers are what it was trained to give. A model that is given images in another form than
// it learned from is wrong without any error, but sure of itself (Guo et al. 2017, arXiv 1706.04599, find gaps of
// under 0.2 between confidence and accuracy where all is well).
import type { DataOptions } from "../data/dataOptions.ts";
import { type Dataset, type Labelled, reverseChannels } from "../data/dataset.ts";
import { fromWholePixels, type Normalization } from "../data/normalize.ts";
import { sampleOf } from "../data/subsets.ts";
import type { Classifier } from "./classifier.ts";
import { canTellOrder, findOrder } from "./classOrder.ts";
import { type Answers, answer, testPairs } from "./evaluate.ts";
import { countEqual } from "./metrics.ts";
import { informationOf, meanConfidence } from "./probabilities.ts";
import { type Interval, wilsonInterval } from "./statistics.ts";

/** What some images say of a classifier. */
export interface Judgement {
  readonly samples: number;
  readonly accuracy: number;
  /** 95 % confidence interval of the accuracy. */
  readonly interval: Interval;
  /** Mean probability of the class that it names. */
  readonly confidence: number;
  /** Why the accuracy cannot be the model's own; undefined where it may be. */
  readonly suspicion: "chance" | "confidence" | undefined;
}

/** What a classifier is shown. */
export interface Showing<Images extends Dataset = Dataset> {
  readonly classifier: Classifier;
  readonly test: Images;
  /** What messages call these: images to judge by by default. */
  readonly kind?: string;
  /** How the images are given. */
  readonly given: Normalization & Pick<DataOptions, "channelOrder">;
  /** The model's file, where it may name its outputs in another order than the classes are in. */
  readonly file?: string | undefined;
  /** Images on which every other form is tried; 200 by default. */
  readonly images?: number;
}

/** How images are given to a classifier. */
export interface Form {
  /** Its name is "given" where it is the one that was asked for. */
  readonly normalization: Normalization & { readonly name: string };
  readonly reversedChannels: boolean;
}

/** A form in which a classifier's answers tell more of the images. */
export interface TellingForm extends Form {
  /** What they tell then, and of the images as they are given: `informationOf`. */
  readonly information: number;
  readonly informationAsGiven: number;
}

/** A change that makes a classifier right, or right on more images. */
export interface Explanation extends Form {
  /** The output that stands for each class, where it is not the one of its own number. */
  readonly order: readonly number[] | undefined;
  /** What it reaches then. */
  readonly accuracy: number;
}

const imagesToJudge = 2000;
const imagesToCompare = 200;
/** Of each class: so many are enough to tell their order, and so many are looked at where the usual ones are too few. */
const [enoughOfClass, soughtOfClass] = [10, 4];

/** Below this number of images nothing is suspected. */
const fewestImages = 30;
const largestGap = 0.25;
/** What counts as better: right on so many more of the images, which chance gives less often than this. */
const [leastGain, largestChance] = [0.02, 0.001];
/**
 * What answers must tell of images in another form, and so much more than of those that are given: of a classifier that
 * has hardly learned anything, some other form may tell more by chance.
 */
const [leastInformation, leastMoreInformation] = [0.6, 0.1];
/** A confidence interval of 99.7 %, so that a sound model is not suspected. */
const strictQuantile = 3;

const usualNormalizations = [
  { name: "0 to 1", mean: [0], std: [1] },
  { name: "ImageNet's", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { name: "CIFAR-10's", mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  { name: "-1 to 1", mean: [0.5], std: [0.5] },
  { name: "0 to 255", mean: [0], std: [1 / 255] },
  // Of channels from blue to red, as Caffe's models and those of Keras that come from them have them.
  { name: "Caffe's", mean: [0.4076, 0.458, 0.485], std: [1 / 255] },
  { name: "MNIST's", mean: [0.1307], std: [0.3081] },
] as const;

/** Judges a classifier by at most two thousand images. Throws as `evaluate` does. */
export async function judge(
  classifier: Classifier,
  dataset: Labelled,
  normalization: Normalization,
): Promise<Judgement> {
  const sample = sampleOf(dataset, imagesToJudge);
  return judgementOf(await answer(classifier, sample, normalization), classifier.outputs);
}

/** Judges a classifier of so many outputs by what it has answered to images with labels. */
export function judgementOf({ evaluation, logits }: Answers, outputs: number): Judgement {
  const { samples, accuracy, accuracyInterval: interval } = evaluation;
  const confidence = meanConfidence(logits, outputs);
  return {
    samples,
    accuracy,
    interval,
    confidence,
    suspicion: suspicionOf({ samples, accuracy, confidence, classes: outputs }),
  };
}

/** Why an accuracy is not to be believed. */
export function suspicionOf(figures: {
  readonly samples: number;
  readonly accuracy: number;
  readonly confidence: number;
  readonly classes: number;
}): Judgement["suspicion"] {
  const { samples, accuracy, confidence, classes } = figures;
  if (samples < fewestImages) return undefined;
  if (accuracy <= mostByGuessing(classes)) return "chance";
  const [, most] = wilsonInterval(accuracy, samples, strictQuantile);
  return most < confidence - largestGap ? "confidence" : undefined;
}

/** The accuracy up to which a classifier may be guessing. */
function mostByGuessing(classes: number): number {
  return 1 / classes + Math.min(0.5 / classes, 0.1);
}

/**
 * Another usual form of the images, or another order of the classes, with which the classifier is right on more of them
 * than chance explains (McNemar's test): channels in reverse, or two folders for each other, may cost no more than a few
 * points. All forms are tried on so many images, the best on as many as `judge` takes, or on some of each class.
 * Undefined where there is none, or where it is right as often as by guessing even then: some order of its outputs suits
 * a network that has learned nothing, too.
 */
export async function findBetterForm(showing: Showing<Labelled>): Promise<Explanation | undefined> {
  const { classifier, test, images = imagesToCompare } = showing;
  const few = sampleOf(test, images);
  const found = await explanations({ ...showing, test: few });
  const best = found.reduce((a, b) => (b.accuracy >= a.accuracy + leastGain ? b : a));
  const asGiven = found[0]!;
  if (best === asGiven && !best.order && tellsOrder(classifier, few)) return undefined;
  const all = imagesForOrder(showing);
  const { classes: before } = await answersTo(classifier, all, asGiven);
  const { classes: outputs } =
    best === asGiven ? { classes: before } : await answersTo(classifier, all, best);
  const { classes: after, ...figures } = inBestOrder(outputs, classifier, all);
  const { onlyFirst: lost, onlySecond: gained, pValue } = testPairs(before, after, all.labels);
  const isBetter = gained - lost >= leastGain * all.count && pValue < largestChance;
  const isGuessing = figures.accuracy <= mostByGuessing(classifier.outputs);
  return isBetter && !isGuessing ? { ...best, ...figures } : undefined;
}

/** What `findBetterForm` tries of a classifier beside the images as they are given. */
export function triedOf(showing: Showing<Labelled>): {
  readonly normalizations: string[];
  readonly reversed: boolean;
  readonly order: boolean;
} {
  const { classifier } = showing;
  const forms = formsOf(showing);
  const names = new Set(forms.map(({ normalization: { name } }) => name));
  const { labels } = imagesForOrder(showing);
  return {
    normalizations: [...names].filter((name) => name !== "given"),
    reversed: forms.some(({ reversedChannels }) => reversedChannels),
    order: canTellOrder({ labels, outputs: classifier.outputs }),
  };
}

/** Whether so many images tell in which order the classes are. */
function tellsOrder({ outputs }: Classifier, { count }: Labelled): boolean {
  return count >= enoughOfClass * outputs;
}

/** As many images as tell how right a classifier is and, of those that there are, the order of its classes. */
function imagesForOrder({ classifier, test }: Showing<Labelled>): Labelled {
  return sampleOf(test, Math.max(imagesToJudge, soughtOfClass * classifier.outputs));
}

/**
 * Another usual form of the images of which the classifier's answers tell clearly more: what can be said where images
 * have no labels. Every form is tried on so many images. Undefined where there is none.
 */
export async function findTellingForm(showing: Showing): Promise<TellingForm | undefined> {
  const { classifier, test, images = imagesToCompare } = showing;
  const found = await inEachForm({ ...showing, test: sampleOf(test, images) }, ({ logits }) => ({
    information: informationOf(logits, classifier.outputs),
  }));
  const informationAsGiven = found[0]!.information;
  // Of forms as good as each other the first, which changes least.
  const best = found.reduce((a, b) => (b.information > a.information + 0.02 ? b : a));
  const isClear =
    best.information > leastInformation &&
    best.information > informationAsGiven + leastMoreInformation;
  return isClear ? { ...best, informationAsGiven } : undefined;
}

/** What the classifier reaches in each form, with its outputs in the order that explains more. */
function explanations(showing: Showing<Labelled>): Promise<Explanation[]> {
  const { classifier, test } = showing;
  return inEachForm(showing, ({ classes: answers }) => {
    const { classes: _, ...figures } = inBestOrder(answers, classifier, test);
    return figures;
  });
}

/** The answers as classes, with the outputs in another order where that makes them better. */
function inBestOrder(
  answers: Int32Array,
  { outputs }: Classifier,
  { labels }: Labelled,
): Pick<Explanation, "order" | "accuracy"> & { readonly classes: Int32Array } {
  const plain = { classes: answers, accuracy: countEqual(answers, labels) / labels.length };
  return findOrder({ answers, labels, outputs }, leastGain) ?? { ...plain, order: undefined };
}

/** Each form, with what is measured of the classifier's answers to images in it. */
async function inEachForm<Figures extends object>(
  showing: Showing,
  measure: (answers: Answers) => Figures,
): Promise<(Form & Figures)[]> {
  const { classifier, test } = showing;
  const found: (Form & Figures)[] = [];
  for (const form of formsOf(showing)) {
    found.push({ ...form, ...measure(await answersTo(classifier, test, form)) });
  }
  return found;
}

/** So many images in every form take about as long as all of them as they are given. */
export function imagesForEachForm(showing: Showing): number {
  const share = Math.ceil(showing.test.count / formsOf(showing).length);
  return Math.min(imagesToCompare, Math.max(fewestImages, share));
}

/** As the images are given, which comes first, and all other usual forms that the classifier takes. */
function formsOf({ classifier, test, given: { mean, std } }: Showing): Form[] {
  const [channels] = test.shape;
  const usual = classifier.takesPixels ? [] : usualNormalizations;
  const fitting = usual.filter((each) => [1, channels].includes(each.mean.length));
  const scaled = classifier.takesPixels ? undefined : fromWholePixels({ mean, std });
  const asGiven = [
    { name: "given", mean, std },
    ...(scaled ? [{ name: "given / 255", ...scaled }] : []),
  ];
  return [...asGiven, ...fitting].flatMap((normalization) =>
    (channels === 3 ? [false, true] : [false]).map((reversedChannels) => ({
      normalization,
      reversedChannels,
    })),
  );
}

/** What the classifier answers to the images in this form. */
function answersTo(
  classifier: Classifier,
  images: Dataset,
  { normalization, reversedChannels }: Form,
): Promise<Answers> {
  return answer(
    classifier,
    reversedChannels ? withReversedChannels(images) : images,
    normalization,
  );
}

function withReversedChannels(dataset: Dataset): Dataset {
  const { pixels: _, ...rest } = dataset;
  const read = async (indices: Int32Array) =>
    reverseChannels(await dataset.read(indices), dataset.shape);
  return { ...rest, read };
}
