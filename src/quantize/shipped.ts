// The shipped file once more with smaller numbers, and what that costs and gains.
import { rm } from "node:fs/promises";
import {
  type Data,
  type Dataset,
  hostBatches,
  type Normalization,
  sampleOf,
} from "../data/index.ts";
import { ModelError } from "../errors.ts";
import { arrangeImages } from "../evaluate/classifier.ts";
import {
  answer,
  type Interval,
  type Latency,
  measureLatency,
  OnnxClassifier,
} from "../evaluate/index.ts";
import { countEqual } from "../evaluate/metrics.ts";
import type { Graph, GraphFile, TensorData } from "../graph/graph.ts";
import type { Layout } from "../graph/layout.ts";
import { inferShapes } from "../graph/shapes.ts";
import { significant } from "../numbers.ts";
import { modelFileFacts, writeModel } from "../onnx/index.ts";
import type { Range } from "./affine.ts";
import { calibrate } from "./calibrate.ts";
import { toFloat16 } from "./float16.ts";
import { integerTensors, quantizeToInt8, reluBeforePooling } from "./int8.ts";
import type { Quantization } from "./names.ts";
import { withOpsetForInt8 } from "./opset.ts";

/** A quantized file and its figures on the test images. */
export interface QuantizedFigures {
  /** The file: `model.int8.onnx` beside `model.onnx`. */
  readonly model: string;
  /** Share of images classified rightly, and its 95 % confidence interval. */
  readonly accuracy: number;
  readonly accuracyInterval: Interval;
  /** Share of images that the original classifies alike. */
  readonly agreement: number;
  readonly bytes: number;
  /** Median milliseconds in ONNX Runtime. */
  readonly latencyMs: Latency;
  readonly sha256: string;
}

export interface QuantizeOptions extends Data, Normalization {
  /** How the shipped file takes images. */
  readonly layout: Layout;
  /** The original's classes of the test images, which agreement is with. */
  readonly originalClasses: Int32Array;
  readonly threads: number;
  /** Called after every batch; what it throws ends the work. */
  readonly onProgress?: () => void;
}

const imagesToCalibrate = 512;
const imagesAtOnce = 16;
/** All maps of so many pixels are held at once. */
const pixelsAtOnce = 2 ** 20;
const largestHalf = 65504;

/** The figures of each quantized file. */
export type QuantizedFiles = Readonly<Partial<Record<Quantization, QuantizedFigures>>>;

/** The files that were made, and a sentence for each that was not. */
export interface Quantized {
  readonly files: QuantizedFiles;
  readonly leftOut: readonly string[];
}

/**
 * Writes a shipped file in other types of numbers beside it, and measures these files in ONNX Runtime. Ranges are those
 * that 512 training images give. One that cannot be written, gives what is no number, or as fp16 would overflow, is
 * left out.
 */
export async function quantizeShipped(
  shipped: GraphFile,
  wanted: readonly Quantization[],
  options: QuantizeOptions,
): Promise<Quantized> {
  const files: Partial<Record<Quantization, QuantizedFigures>> = {};
  const leftOut: string[] = [];
  for (const each of wanted) {
    const model = shipped.path.replace(/(\.onnx)?$/, `.${each}.onnx`);
    try {
      files[each] = await quantize(shipped, { quantization: each, model }, options);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      await rm(model, { force: true });
      leftOut.push(`there is no ${each} file: ${error.message}`);
    }
  }
  return { files, leftOut };
}

async function quantize(
  shipped: GraphFile,
  { quantization, model }: { quantization: Quantization; model: string },
  options: QuantizeOptions,
): Promise<QuantizedFigures> {
  const { test, layout, originalClasses, threads } = options;
  await writeModel(await quantizeGraph(shipped.graph, quantization, options), model);
  await using classifier = await OnnxClassifier.open(model, test, { threads, layout });
  const { evaluation, classes } = await answer(classifier, test, options);
  const { accuracy, accuracyInterval } = evaluation;
  const { bytes, sha256 } = await modelFileFacts(model);
  return {
    model,
    accuracy,
    accuracyInterval,
    agreement: countEqual(originalClasses, classes) / test.count,
    bytes,
    latencyMs: await measureLatency(classifier),
    sha256,
  };
}

/** What finds the ranges of values. */
export interface CalibrationOptions
  extends Pick<Data, "train">,
    Normalization,
    Pick<QuantizeOptions, "layout" | "threads" | "onProgress"> {}

/**
 * A shipped graph with smaller numbers. Throws ModelError where it cannot be run to find their ranges, and for fp16 where
 * these are larger than float16 holds.
 */
export async function quantizeGraph(
  graph: Graph,
  quantization: Quantization,
  options: CalibrationOptions,
): Promise<Graph> {
  return quantization === "int8" ? toInt8(graph, options) : toHalf(graph, options);
}

async function toInt8(graph: Graph, options: CalibrationOptions): Promise<Graph> {
  const prepared = reluBeforePooling(withOpsetForInt8(graph));
  const ranges = await rangesOf(prepared, integerTensors(prepared).values(), options);
  return quantizeToInt8(prepared, ranges);
}

/** ONNX Runtime may compute the file in float32, and then its answers do not show what float16 cannot hold. */
async function toHalf(graph: Graph, options: CalibrationOptions): Promise<Graph> {
  const ranges = await rangesOf(graph, floatResults(graph), options);
  const ends = [...ranges.values()].flatMap(({ least, greatest }) => [-least, greatest]);
  const largest = Math.max(...ends);
  if (largest <= largestHalf) return toFloat16(graph);
  throw new ModelError(
    `the chain to quantize takes values of ${significant(largest)} on the images that were looked at, where float16 ends ` +
      `at ${largestHalf}; int8 has no such end`,
  );
}

/** What is padded with the least of all numbers may be: pooling passes over it. */
function floatResults(graph: Graph): string[] {
  const facts = inferShapes(graph);
  const results = graph.nodes.flatMap(({ operator, outputs }) =>
    operator === "Pad" ? [] : outputs,
  );
  return results.filter((name) => facts.get(name)?.dtype === "float32");
}

function rangesOf(
  graph: Graph,
  tensors: Iterable<string>,
  options: CalibrationOptions,
): Promise<Map<string, Range>> {
  const batches = batchesOf(sampleOf(options.train, imagesToCalibrate), options);
  return calibrate(graph, tensors, { batches, threads: options.threads });
}

async function* batchesOf(
  dataset: Dataset,
  { mean, std, layout, onProgress }: CalibrationOptions,
): AsyncGenerator<TensorData> {
  const [, height, width] = dataset.shape;
  const batch = Math.max(1, Math.min(imagesAtOnce, Math.floor(pixelsAtOnce / (height * width))));
  for await (const { images } of hostBatches(dataset, { mean, std, batch })) {
    yield arrangeImages(images, layout);
    onProgress?.();
  }
}
