// How well and how fast a classifier answers. Every image is shown once, as it is (single view).

import { assertLabels, assertShape, type Dataset } from "../data/dataset.ts";
import { hostBatches, type Normalization } from "../data/normalize.ts";
import { ModelError } from "../errors.ts";
import { counted } from "../text.ts";
import { type Classifier, concatenate } from "./classifier.ts";
import { farthest, relativeDifference } from "./difference.ts";
import { argmaxRows, countEqual, findNaN, relativeSquaredError } from "./metrics.ts";
import { type Interval, mcnemarTest, type PairedTest, wilsonInterval } from "./statistics.ts";

export interface EvaluationOptions extends Normalization {
  /** Images at a time; by default 100, or fewer where these are large. */
  readonly batch?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const mostPixels = 2 ** 23;

/** How well and how fast a classifier answers. */
export interface Evaluation {
  readonly samples: number;
  /** Share of images whose largest logit is that of their label; NaN where they have no labels. */
  readonly accuracy: number;
  /** 95 % confidence interval of the accuracy. */
  readonly accuracyInterval: Interval;
  readonly imagesPerSecond: number;
}

/** Median milliseconds for a batch. */
export interface Latency {
  readonly batch1: number;
  readonly batch64: number;
}

export interface Comparison {
  readonly evaluations: readonly [Evaluation, Evaluation];
  readonly answers: readonly [Answers, Answers];
  /** Share of images for which both give the same class. */
  readonly agreement: number;
  /** Whether one is right more often than the other; undefined where images have no labels. */
  readonly paired: PairedTest | undefined;
  /** Squared differences of logits, less each image's mean, over the squares of the first classifier's. */
  readonly logitError: number;
  /** Largest absolute difference of logits. */
  readonly maxAbsDiff: number;
  /** That difference over the largest absolute logit of the first classifier; infinite where all of these are 0. */
  readonly maxRelDiff: number;
}

/** What a classifier answers to the images of a data set, in their order. */
export interface Answers {
  readonly evaluation: Evaluation;
  /** Row-major [N, outputs]. */
  readonly logits: Float32Array;
  /** The class of every image's largest logit. */
  readonly classes: Int32Array;
}

/**
 * Accuracy and speed on a data set. Throws DataError, before anything runs, where images or labels do
 * not fit the classifier, and ModelError where a logit is NaN.
 */
export async function evaluate(
  classifier: Classifier,
  dataset: Dataset,
  options: EvaluationOptions,
): Promise<Evaluation> {
  return (await answer(classifier, dataset, options)).evaluation;
}

/** Evaluates two classifiers and compares their answers. Throws as `evaluate` does. */
export async function compare(
  [first, second]: readonly [Classifier, Classifier],
  dataset: Dataset,
  options: EvaluationOptions,
): Promise<Comparison> {
  for (const classifier of [first, second]) assertFits(classifier, dataset);
  if (first.outputs !== second.outputs) {
    throw new ModelError(
      `${first.name} has ${counted(first.outputs, "output")}, but ${second.name} has ${second.outputs}`,
    );
  }
  const { onProgress } = options;
  const report = (part: number) => (done: number, total: number) =>
    onProgress?.(part * total + done, 2 * total);
  const a = await answer(first, dataset, { ...options, onProgress: report(0) });
  const b = await answer(second, dataset, { ...options, onProgress: report(1) });
  const distance = farthest(b.logits, a.logits);
  return {
    evaluations: [a.evaluation, b.evaluation],
    answers: [a, b],
    agreement: countEqual(a.classes, b.classes) / a.classes.length,
    paired: dataset.labels && testPairs(a.classes, b.classes, dataset.labels),
    logitError: relativeSquaredError(a.logits, b.logits, first.outputs),
    maxAbsDiff: distance.difference,
    maxRelDiff: relativeDifference(distance),
  };
}

/** McNemar's test of two classifiers' answers to the same images. */
export function testPairs(first: Int32Array, second: Int32Array, labels: Int32Array): PairedTest {
  let [onlyFirst, onlySecond] = [0, 0];
  for (const [i, label] of labels.entries()) {
    const [a, b] = [first[i] === label, second[i] === label];
    if (a && !b) onlyFirst++;
    if (b && !a) onlySecond++;
  }
  return mcnemarTest(onlyFirst, onlySecond);
}

/** Latency at batch 1 and 64; a second is spent on each. */
export async function measureLatency(classifier: Classifier): Promise<Latency> {
  const batch1 = await classifier.latency({ batch: 1, seconds: 1 });
  const batch64 = await classifier.latency({ batch: 64, seconds: 1 });
  return { batch1, batch64 };
}

/** All answers of a classifier. Throws as `evaluate` does. */
export async function answer(
  classifier: Classifier,
  dataset: Dataset,
  options: EvaluationOptions,
): Promise<Answers> {
  assertFits(classifier, dataset);
  const { mean, std, batch = defaultBatch(dataset), onProgress } = options;
  const samples = dataset.count;
  const rows: Float32Array[] = [];
  let done = 0;
  let milliseconds = 0;
  for await (const { images, size } of hostBatches(dataset, { mean, std, batch })) {
    const start = performance.now();
    const logits = await classifier.logits(images);
    milliseconds += performance.now() - start;
    const bad = findNaN(logits);
    if (bad >= 0) {
      const image = done + Math.floor(bad / classifier.outputs);
      throw new ModelError(
        `${classifier.name} gives NaN for image ${image} of ${dataset.name}: its weights are damaged, ` +
          "or --mean and --std do not fit it",
      );
    }
    rows.push(logits);
    done += size;
    onProgress?.(done, samples);
  }
  const logits = concatenate(rows);
  const classes = argmaxRows(logits, classifier.outputs);
  const { labels } = dataset;
  const accuracy = labels ? countEqual(classes, labels) / samples : Number.NaN;
  const accuracyInterval = wilsonInterval(accuracy, samples);
  const imagesPerSecond = (samples / milliseconds) * 1000;
  return { evaluation: { samples, accuracy, accuracyInterval, imagesPerSecond }, logits, classes };
}

/** Few enough images that a network's maps of them, many times as large, fit in memory. */
function defaultBatch({ shape: [, height, width] }: Dataset): number {
  return Math.max(1, Math.min(100, Math.floor(mostPixels / (height * width))));
}

function assertFits(classifier: Classifier, dataset: Dataset): void {
  assertShape(dataset, classifier.shape);
  assertLabels(dataset, classifier.outputs);
}
