// Verification of the shipped file, in ONNX Runtime: that it computes what was trained, that it holds
// the chain and the classifier alone, and how it compares with the original.
import { type Data, type Normalization, sampleOf } from "../data/index.ts";
import { compare, type Evaluation, type Latency, OnnxClassifier } from "../evaluate/index.ts";
import { openAdopted, openGraph } from "../evaluate/openModel.ts";
import { writePredictions } from "../evaluate/predictions.ts";
import { countCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";
import type { Layout } from "../graph/layout.ts";
import { inferShapes } from "../graph/shapes.ts";
import { modelFileFacts } from "../onnx/index.ts";
import { OnnxSession } from "../runtime/index.ts";
import type { ModelFigures, ObfuscateResults } from "./options.ts";
import { assertSameAnswers } from "./sameAnswers.ts";
import { countConvolutions } from "./seal.ts";

/** A model as a graph and as the file that ONNX Runtime runs. */
export interface ModelFile {
  readonly graph: Graph;
  readonly path: string;
}

export interface VerifyOptions extends Data, Normalization {
  /** The trained network, before sealing. */
  readonly trained: Graph;
  /** How both files take their images; channels first by default. */
  readonly layout?: Layout;
  readonly threads: number;
  /** Whether the original's file takes batches of one size alone; then the clock runs on its graph. */
  readonly isOfOneBatch?: boolean;
  /** Where the answers of both to every test image are written. */
  readonly predictions: string;
  /** Called after every batch; what it throws ends the verification. */
  readonly onProgress?: () => void;
}

const imagesForDifference = 500;
const imagesForTrainingError = 1000;
const secondsPerLatency = 2;

/**
 * Compares the shipped file with the trained network and with the original. Throws ModelError where it
 * computes something else than was trained.
 */
export async function verify(
  original: ModelFile,
  shipped: ModelFile,
  options: VerifyOptions,
): Promise<Pick<ObfuscateResults, "original" | "obfuscated" | "verify">> {
  const { train, test, layout = "NCHW", threads, predictions, isOfOneBatch = false } = options;
  await using originalSession = await openAdopted({ ...original, layout }, { threads });
  await using shippedSession = await OnnxSession.open(shipped.path, { threads });
  const first = await OnnxClassifier.open(originalSession, test, {
    layout,
    output: original.graph.outputs[0]?.name,
  });
  const second = await OnnxClassifier.open(shippedSession, test, { layout });
  const sample = sampleOf(test, imagesForDifference);
  const sealing = await assertSameAnswers(second, options.trained, { ...options, test: sample });
  const versus = await compare([first, second], test, options);
  const learned = await compare([first, second], sampleOf(train, imagesForTrainingError), options);
  await using graphSession = isOfOneBatch
    ? await openGraph({ ...original, layout }, { threads })
    : undefined;
  const clocked = graphSession ? await OnnxClassifier.open(graphSession, test, { layout }) : first;
  const time = (batch: number) =>
    OnnxClassifier.compareLatency([clocked, second], { batch, seconds: secondsPerLatency });
  const [batch1, batch64] = [await time(1), await time(64)];
  const figures = (model: ModelFile, i: 0 | 1) =>
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
  };
}

async function figuresOf(
  { graph, path }: ModelFile,
  { accuracy, accuracyInterval }: Evaluation,
  latencyMs: Latency,
): Promise<ModelFigures> {
  const { bytes, sha256 } = await modelFileFacts(path);
  const { parameters, macs } = countCost(graph, inferShapes(graph));
  return {
    ...{ accuracy, accuracyInterval },
    parameters,
    macs,
    convolutions: countConvolutions(graph),
    bytes,
    latencyMs,
    sha256,
  };
}
