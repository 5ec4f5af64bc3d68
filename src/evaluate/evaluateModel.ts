// Evaluates a model file on the test images of a data set. With ONNX Runtime it does without libtorch.
import type { DataOptions } from "../data/dataOptions.ts";
import { assertLabels, type Dataset, isLabelled } from "../data/dataset.ts";
import { notesOnOutputs } from "../data/facts.ts";
import { loadTestData } from "../data/load.ts";
import { ModelError } from "../errors.ts";
import { ownGraph, plainGraph, takeScores } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { imageLayout, sizesIn } from "../graph/layout.ts";
import { describeChoice } from "../graph/logits.ts";
import { fixInputSizes, widenFloats } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { readModel } from "../onnx/index.ts";
import { notesOnLatency } from "../runtime/index.ts";
import { fileName } from "../text.ts";
import { type Classifier, imageInput } from "./classifier.ts";
import { fileWithNames, findDoubt } from "./doubt.ts";
import { type Answers, answer, type Evaluation, type Latency, measureLatency } from "./evaluate.ts";
import { noteOnFew } from "./few.ts";
import { OnnxClassifier } from "./onnxClassifier.ts";
import { noteOnStandIn, openModel } from "./openModel.ts";
import { imagesForEachForm, judgementOf, type Showing } from "./plausibility.ts";
import { assertThreads } from "./threads.ts";

export interface EvaluateOptions extends DataOptions {
  /** An ONNX file. */
  readonly model: string;
  /** Data set in the notation of docs/data.md. */
  readonly data: string;
  /** The output that tells the classes apart; the one that comes from a linear layer by default. */
  readonly output?: string;
  /** What executes the model: ONNX Runtime by default. */
  readonly runtime?: "ort" | "torch";
  /** Of each channel, for pixels in [0, 1]; 0 and 1 by default. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Where libtorch computes, not ONNX Runtime: cpu, cuda or cuda:N. */
  readonly device?: string;
  readonly threads?: number;
  /** Called after every batch with the number of images that are done, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with what a user should know about how data were read and the options used. */
  readonly onNote?: (note: string) => void;
}

/** What `deepobf evaluate --json` prints. */
export interface EvaluateSummary extends Evaluation {
  /** Name of the output that was judged. */
  readonly output: string;
  /** Median milliseconds of a batch. */
  readonly latencyMs: Latency;
  /** Why figures may not be the model's own, and how sure the accuracy is where images are few. */
  readonly warnings: readonly string[];
}

interface Opened extends AsyncDisposable {
  readonly classifier: Classifier;
  /** What is to be known of how it runs. */
  readonly notes: readonly string[];
}

/** Seconds for reading a model, and for each part of the images. */
const [readingSeconds, runningSeconds] = [60, 3600];

const noDevice =
  "ONNX Runtime computes on the processor: --device counts with --runtime torch alone";

/** Throws ModelError, DataError and UsageError for what does not fit, before anything long runs. */
export async function evaluateModel(
  options: EvaluateOptions,
  { announce }: Watch = unwatched,
): Promise<EvaluateSummary> {
  const { mean = [0], std = [1], channelOrder, device = "cpu", onNote } = options;
  assertThreads(options.threads);
  announce("reading", readingSeconds);
  const file = await readModel(options.model);
  const isOnTorch = options.runtime === "torch";
  if (!isOnTorch && device !== "cpu") onNote?.(noDevice);
  const graph = isOnTorch ? plainGraph(file) : ownGraph(file);
  const { shape } = imageInput(fileName(options.model), graph.inputs, imageLayout(graph));
  announce("reading images for", Number.POSITIVE_INFINITY);
  const { test, notes = [] } = await loadTestData(options.data, { ...options, shape });
  for (const note of notes) onNote?.(note);
  announce("loading", runningSeconds);
  const open = isOnTorch ? openNetwork : openSession;
  const judged = scored(graph, test, options);
  const output = judged.outputs[0]?.name ?? "";
  const choice = describeChoice(graph, judged);
  if (choice) onNote?.(choice);
  await using opened = await open({ graph, judged }, test, options);
  const { classifier } = opened;
  assertLabels(test, classifier.outputs);
  for (const note of notesOnOutputs(test, classifier.outputs, "judge by")) onNote?.(note);
  const onProgress = (done: number, total: number) => {
    announce("evaluating", runningSeconds);
    options.onProgress?.(done, total);
  };
  const answers = await answer(classifier, test, { mean, std, onProgress });
  announce("trying other forms of the images", runningSeconds);
  const given = { mean, std, ...(channelOrder && { channelOrder }) };
  const showing = { classifier, test, given, file: fileWithNames(options) };
  const { evaluation } = answers;
  const warnings = [
    ...opened.notes,
    ...(await doubtsOf(answers, showing)),
    ...(isLabelled(test) ? noteOnFew(test.count, "the accuracy", evaluation.accuracyInterval) : []),
  ];
  announce("timing", runningSeconds);
  const latencyMs = await measureLatency(classifier);
  return { ...evaluation, output, latencyMs, warnings };
}

/** Why the images may not be given as the model learned them. Takes about as long as the answers took. */
async function doubtsOf(answers: Answers, showing: Showing): Promise<string[]> {
  const { classifier, test } = showing;
  const judgement = isLabelled(test) ? judgementOf(answers, classifier.outputs) : undefined;
  const images = imagesForEachForm(showing);
  const doubt = await findDoubt({ ...showing, images }, judgement);
  return doubt === undefined ? [] : [doubt];
}

/** What evaluateWatched reports. */
export type EvaluateEvent =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "note"; readonly note: string };

/** Does what evaluateModel does, in a process of its own. */
export function evaluateWatched(
  options: Omit<EvaluateOptions, "onProgress" | "onNote">,
  watch: Watch,
): Promise<EvaluateSummary> {
  const report = (event: EvaluateEvent) => watch.report(event);
  const onProgress = (done: number, total: number) => report({ type: "progress", done, total });
  const onNote = (note: string) => report({ type: "note", note });
  return evaluateModel({ ...options, onProgress, onNote }, watch);
}

/** The graph with scores of classes as its only output; as it is where its shapes are not known before it runs. */
function scored(graph: Graph, test: Dataset, { output }: EvaluateOptions): Graph {
  try {
    return takeScores(graph, { shape: test.shape, output });
  } catch (error) {
    const isChoice = output !== undefined || graph.outputs.length > 1;
    if (!(error instanceof ModelError) || isChoice || isShapeKnown(graph, test)) throw error;
    return graph;
  }
}

/** Whether the shape of the first output follows from that of the images. */
function isShapeKnown(graph: Graph, { shape }: Dataset): boolean {
  try {
    const facts = inferShapes(fixInputSizes(graph, sizesIn(imageLayout(graph), shape)));
    return facts.has(graph.outputs[0]?.name ?? "");
  } catch (error) {
    if (error instanceof ModelError) return false;
    throw error;
  }
}

/** A file's graph as it is, and with the judged output alone. */
interface Judged {
  readonly graph: Graph;
  readonly judged: Graph;
}

async function openSession(
  { graph, judged }: Judged,
  test: Dataset,
  options: EvaluateOptions,
): Promise<Opened> {
  const { model, threads } = options;
  const output = judged.outputs[0]?.name;
  const { session, graph: run } = await openModel(
    model,
    [() => judged, () => widenFloats(judged)],
    {
      name: fileName(model),
      outputs: output === undefined ? [] : [output],
      graph,
      ...(threads !== undefined && { threads }),
    },
  );
  const isStandIn = run !== undefined && run !== judged;
  const how = { layout: imageLayout(graph), output };
  const classifier = await OnnxClassifier.adopt(session, test, how);
  return {
    classifier,
    notes: [
      ...(isStandIn ? [noteOnStandIn("accuracy, speed and latency are those")] : []),
      ...notesOnLatency(session.runtime),
    ],
    [Symbol.asyncDispose]: () => classifier[Symbol.asyncDispose](),
  };
}

// libtorch is loaded only where it is asked for.
async function openNetwork(
  { graph, judged }: Judged,
  test: Dataset,
  options: EvaluateOptions,
): Promise<Opened> {
  const { parseDevice, setThreads } = await import("../torch/index.ts");
  const { Network } = await import("../engine/index.ts");
  const { NetworkClassifier } = await import("./networkClassifier.ts");
  const { model, threads } = options;
  const device = parseDevice(options.device ?? "cpu");
  if (threads !== undefined) setThreads(threads);
  const network = new Network(judged, { device });
  const name = fileName(model);
  const layout = imageLayout(graph);
  const classifier = new NetworkClassifier(network, { name, shape: test.shape, device, layout });
  return { classifier, notes: [], [Symbol.asyncDispose]: async () => network.dispose() };
}
