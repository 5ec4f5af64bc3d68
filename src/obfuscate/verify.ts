// Verification of the shipped file, in ONNX Runtime: that it computes what was trained, that it holds
// the chain and the classifier alone, and how it compares with the original.
import { type Data, type Normalization, sampleOf } from "../data/index.ts";
import { compare, type Evaluation, type Latency, OnnxClassifier } from "../evaluate/index.ts";
import {
  type AdoptedFile,
  noteOnStandIn,
  type OpenedOriginal,
  openOriginal,
} from "../evaluate/openModel.ts";
import { writePredictions } from "../evaluate/predictions.ts";
import { countCost } from "../graph/cost.ts";
import type { Graph, GraphFile } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import { modelFileFacts } from "../onnx/index.ts";
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
  originalFile: AdoptedFile,
  shippedFile: GraphFile,
  options: VerifyOptions,
): Promise<Verified> {
  const { train, test, threads, trained, predictions } = options;
  const { layout } = originalFile;
  await using original = await openOriginal(originalFile, test, { threads });
  await using shipped = await OnnxClassifier.open(shippedFile.path, test, { threads, layout });
  const sample = sampleOf(test, imagesForDifference);
  const sealing = await assertSameAnswers(shipped, trained, { ...options, test: sample });
  const both = [original.classifier, shipped] as const;
  const versus = await compare(both, test, options);
  const learned = await compare(both, sampleOf(train, imagesForTrainingError), options);
  const clocked = await clock({ file: originalFile, opened: original, shipped }, options);
  const [ofOriginal, ofShipped] = versus.evaluations;
  return {
    original: await figuresOf(originalFile, ofOriginal, clocked.latencies[0]),
    obfuscated: await figuresOf(shippedFile, ofShipped, clocked.latencies[1]),
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
      ...notesOnLatency(shipped.runtime),
      ...notesOnOriginal(original, clocked, options.fileBatch),
    ],
  };
}

/** What the clock says of the original and of the shipped file. */
interface Clocked {
  readonly latencies: readonly [Latency, Latency];
  /** Whether it ran on the original's graph as adopted. */
  readonly isStandIn: boolean;
}

/** Measures both in turns; the original on its graph freed of its number of images, where its file takes only one. */
async function clock(
  models: { file: AdoptedFile; opened: OpenedOriginal; shipped: OnnxClassifier },
  { test, threads, fileBatch }: VerifyOptions,
): Promise<Clocked> {
  const { file, opened, shipped } = models;
  await using freed =
    fileBatch === undefined
      ? undefined
      : await openOriginal(file, test, { threads, isOfAnyBatch: true });
  const { classifier, isStandIn } = freed ?? opened;
  const time = (batch: number) =>
    OnnxClassifier.compareLatency([classifier, shipped], { batch, seconds: secondsPerLatency });
  const [batch1, batch64] = [await time(1), await time(64)];
  const latencyOf = (i: 0 | 1) => ({ batch1: batch1[i], batch64: batch64[i] });
  return { latencies: [latencyOf(0), latencyOf(1)], isStandIn };
}

/** What is to be known of the original's figures where they are not its file's own. */
function notesOnOriginal(
  { isStandIn }: OpenedOriginal,
  clocked: Clocked,
  fileBatch: number | undefined,
): string[] {
  const notes = fileBatch === undefined ? [] : [noteOnBatch(fileBatch)];
  if (isStandIn) {
    notes.push(noteOnStandIn("the original's accuracy, agreement and latency are those"));
  } else if (clocked.isStandIn) notes.push(noteOnStandIn("the original's latency is that"));
  return notes;
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
