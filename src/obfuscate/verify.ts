// Verification of the shipped file, in ONNX Runtime: that it computes what was trained, that it holds
// the chain and the classifier alone, and how it compares with the original.
import { type Data, type Normalization, sampleOf } from "../data/index.ts";
import { compare, type Evaluation, type Latency, OnnxClassifier } from "../evaluate/index.ts";
import { type AdoptedFile, noteOnStandIn, openOriginal } from "../evaluate/openModel.ts";
import { writePredictions } from "../evaluate/predictions.ts";
import { countCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import { type GraphFile, modelFileFacts } from "../onnx/index.ts";
import { notesOnLatency } from "../runtime/index.ts";
import type { ModelFigures, ObfuscateResults } from "./options.ts";
import { assertSameAnswers } from "./sameAnswers.ts";
import { countConvolutions } from "./seal.ts";
import { noteOnBatch } from "./warnings.ts";

export interface VerifyOptions extends Data, Normalization {
  /** The trained network, before sealing. */
  readonly trained: Graph;
  readonly threads: number;
  /** The only number of images at once that the original's file takes; then the clock runs on its graph. */
  readonly fileBatch: number | undefined;
  /** Where the answers of both to every test image are written. */
  readonly predictions: string;
  /** Called after every batch; what it throws ends the verification. */
  readonly onProgress: () => void;
}

/** What the verification finds out, and what is to be known of it. */
type Verified = Pick<ObfuscateResults, "original" | "obfuscated" | "verify"> & {
  /** The original's classes of the test images. */
  readonly originalClasses: Int32Array;
  readonly notes: readonly string[];
};

const imagesForDifference = 500;
const imagesForTrainingError = 1000;
const secondsPerLatency = 2;

/**
 * Compares the shipped file with the trained network and with the original, in whose layout both take their images.
 * Throws ModelError where it computes something else than was trained.
 */
export async function verify(
  original: AdoptedFile,
  shipped: GraphFile,
  options: VerifyOptions,
): Promise<Verified> {
  const { train, test, threads, predictions, fileBatch } = options;
  const { layout } = original;
  await using opened = await openOriginal(original, test, { threads });
  await using second = await OnnxClassifier.open(shipped.path, test, { threads, layout });
  const first = opened.classifier;
  const sample = sampleOf(test, imagesForDifference);
  const sealing = await assertSameAnswers(second, options.trained, { ...options, test: sample });
  const versus = await compare([first, second], test, options);
  const learned = await compare([first, second], sampleOf(train, imagesForTrainingError), options);
  await using freed =
    fileBatch === undefined
      ? undefined
      : await openOriginal(original, test, { threads, isOfAnyBatch: true });
  const clocked = freed ?? opened;
  const time = (batch: number) =>
    OnnxClassifier.compareLatency([clocked.classifier, second], {
      batch,
      seconds: secondsPerLatency,
    });
  const [batch1, batch64] = [await time(1), await time(64)];
  const figures = (model: GraphFile, i: 0 | 1) =>
    figuresOf(model, versus.evaluations[i], { batch1: batch1[i], batch64: batch64[i] });
  return {
    original: await figures(original, 0),
    obfuscated: await figures(shipped, 1),
    verify: {
      maxAbsDiff: sealing.maxAbsDiff,
      maxRelDiff: sealing.maxRelDiff,
      samples: test.count,
      agreement: versus.agreement,
      ...(versus.paired && { paired: versus.paired }),
      logitError: versus.logitError,
      trainingLogitError: learned.logitError,
      maxAbsDiffToOriginal: versus.maxAbsDiff,
      predictionsSha256: await writePredictions(predictions, versus.answers, test),
    },
    originalClasses: versus.answers[0].classes,
    notes: [
      ...notesOnLatency(second.runtime),
      ...(fileBatch === undefined ? [] : [noteOnBatch(fileBatch)]),
      ...(opened.isStandIn
        ? [noteOnStandIn("the original's accuracy, agreement and latency are those")]
        : []),
      ...(clocked.isStandIn && !opened.isStandIn
        ? [noteOnStandIn("the original's latency is that")]
        : []),
    ],
  };
}

async function figuresOf(
  { graph, path }: GraphFile,
  { accuracy, accuracyInterval }: Evaluation,
  latencyMs: Latency,
): Promise<ModelFigures> {
  const { bytes, sha256 } = await modelFileFacts(path);
  const { parameters, macs } = countCost(graph, inferShapes(graph));
  return {
    accuracy,
    accuracyInterval,
    parameters,
    macs,
    convolutions: countConvolutions(graph),
    bytes,
    latencyMs,
    sha256,
  };
}
