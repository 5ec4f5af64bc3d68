// Everything that can be checked and decided before the long work starts.

import {
  assertLabels,
  type Data,
  type DataFacts,
  dataFacts,
  fingerprint,
  holdOut,
  type LoadOptions,
  loadData,
} from "../data/index.ts";
import { assertSupported } from "../engine/index.ts";
import { DeepObfError, type ModelError } from "../errors.ts";
import { adoptModel } from "../graph/adopt.ts";
import { countCost, estimateWork } from "../graph/cost.ts";
import { type Boundary, findBoundary } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import { imageLayout, type Layout } from "../graph/layout.ts";
import { describeChoice } from "../graph/logits.ts";
import { cutGraph, dequantize, dropTails, endInLogits, foldBatchNorm } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { assertInference } from "../graph/trainingMode.ts";
import { runIsolated } from "../isolate/run.ts";
import type { Prepared } from "../jobs/index.ts";
import { sequential } from "../models/index.ts";
import { encodeModel, modelFileFacts, readModel } from "../onnx/index.ts";
import { type Quantization, withOpsetForInt8 } from "../quantize/index.ts";
import type { JobHooks } from "../runs/index.ts";
import { fileName } from "../text.ts";
import { parseDevice } from "../torch/index.ts";
import { type ObfuscateOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { type ChainPlan, estimateChain, planChain } from "./plan.ts";
import type { RehearsalOptions } from "./rehearsal.ts";
import { nameChainInput, seal } from "./seal.ts";

/** The original and its data, checked against each other, and the plan of the chain. */
export interface Inputs {
  /** The original for images of the data's shape, channels first, with its logits as the only output. */
  readonly original: Graph;
  /** How the original's file takes its images. */
  readonly layout: Layout;
  /** What is simulated: the original up to its logits, batch norms folded, its features as a second output. */
  readonly teacher: Graph;
  readonly boundary: Boundary;
  readonly extractor: Graph;
  readonly classifier: Graph;
  readonly data: Data;
  readonly plan: ChainPlan;
}

/** What was decided before training, as config.json of a run and progress events hold it. */
export interface Description {
  readonly data: DataFacts;
  /** What is to be said of the output that was taken for the logits; null where there was no choice. */
  readonly choice: string | null;
  /** Number of nodes of the original. */
  readonly nodes: number;
  readonly boundary: Boundary;
  readonly plan: ChainPlan;
  /** MACs of the original's extractor at batch 1. */
  readonly extractorMacs: number;
  /** The chain's estimated time over that of the original's extractor. */
  readonly timeShare: number;
}

/**
 * Reads and checks model and data and plans the chain. What is wrong with either is thrown at once,
 * as one error of the first's class.
 */
export async function prepare(
  options: ObfuscateOptions,
  hooks: JobHooks = {},
): Promise<Prepared<ResolvedOptions, Inputs>> {
  let wanted: WantedShape = {};
  const rehearsal = rehearse(options, hooks, (shape) => {
    wanted = shape;
  });
  const [device, graph, data] = await all([
    async () => parseDevice(options.device ?? "cpu"),
    () => rehearsal.then(() => readOriginal(options.model)),
    async () => {
      await rehearsal.catch(() => undefined); // its own complaint comes from above
      const loaded = await loadData(options.data, { ...options, ...wanted });
      return holdOut(loaded, options.holdOut ?? 0);
    },
  ]);
  const { shape } = data.train;
  const isKnown = wantedShape(graph).shape?.every((size) => size !== undefined);
  if (!isKnown) await rehearse({ ...options, shape }, hooks);
  const inputs = planFor(graph, data, options);
  const { original, boundary, plan, extractor } = inputs;
  const decided = resolveOptions(options, { data, device });
  const facts = inferShapes(extractor);
  const description: Description = {
    ...{ data: dataFacts(data), nodes: original.nodes.length, boundary, plan },
    choice: describeChoice(graph, original) ?? null,
    extractorMacs: countCost(extractor, facts).macs,
    timeShare: estimateChain(plan) / estimateWork(extractor, facts),
  };
  const identity = {
    model: (await modelFileFacts(decided.model)).sha256,
    data: await fingerprint(data),
  };
  return { options: decided, inputs, identity, description };
}

/**
 * Does in a process of its own what this one is about to do with the model, and runs it once; `onShape` is told
 * the images' shape, as far as the file says it.
 */
function rehearse(
  { model, output, boundary, depth, maxMacs, quantize, shape }: RehearsalOptions,
  { signal }: JobHooks,
  onShape?: (shape: WantedShape) => void,
): Promise<void> {
  const options = { model, output, boundary, depth, maxMacs, quantize, shape };
  const rehearsal = { module: "obfuscate/rehearsal.js", name: "rehearse" };
  const onEvent = (event: unknown) => onShape?.(event as WantedShape);
  return runIsolated(rehearsal, { options, model, signal, onEvent });
}

/** Reads a model file. Throws ModelError where it cannot be read, or the engine does not support it. */
export async function readOriginal(path: string): Promise<Graph> {
  const graph = await readModel(path);
  assertInference(graph);
  assertSupported(dropTails(dequantize(graph)));
  return graph;
}

function planFor(model: Graph, data: Data, options: ObfuscateOptions): Inputs {
  const { outputs, ...inputs } = planOriginal(model, data.train.shape, options);
  assertLabels(data.train, outputs);
  assertLabels(data.test, outputs);
  return { ...inputs, data };
}

/** The options that planning needs. */
export type PlanOptions = Pick<
  ObfuscateOptions,
  "model" | "output" | "boundary" | "depth" | "maxMacs" | "quantize"
>;

/** Channels, height and width, as far as a file says them. */
export type WantedShape = Pick<LoadOptions, "shape">;

/** What follows from the model alone, for images of this shape. Throws ModelError where it cannot be obfuscated. */
export function planOriginal(
  model: Graph,
  shape: readonly number[],
  options: PlanOptions,
): Omit<Inputs, "data"> & { readonly outputs: number } {
  const name = fileName(options.model);
  const original = adoptModel(model, { shape, name, output: options.output });
  const facts = inferShapes(original);
  const boundary = findBoundary(original, facts, options.boundary);
  const outputs = facts.get(original.outputs[0]?.name ?? "")?.shape[1] ?? 0;
  const folded = foldAround(original, boundary);
  const foldedFacts = inferShapes(folded);
  const whole = { ...folded, outputs: original.outputs };
  const { extractor, classifier } = cutGraph(whole, boundary.tensor, foldedFacts);
  const { depth, maxMacs } = options;
  const plan = planChain(extractor, foldedFacts, { depth, boundary, ...(maxMacs && { maxMacs }) });
  const layout = imageLayout(model);
  const inputs = { original, layout, boundary, extractor, classifier, plan };
  assertSealable(inputs, options.quantize);
  return { ...inputs, teacher: endInLogits(folded), outputs };
}

/** The graph with its batch norms folded. An output stays, so the boundary becomes one. */
function foldAround(graph: Graph, boundary: Boundary): Graph {
  const features = { ...graph.outputs[0]!, name: boundary.tensor, shape: undefined };
  return foldBatchNorm({ ...graph, outputs: [...graph.outputs, features] });
}

/** Throws ModelError where the trained chain could not be shipped with this classifier, or not be quantized. */
function assertSealable(
  inputs: Pick<Inputs, "original" | "layout" | "classifier" | "plan">,
  quantize: readonly Quantization[] = [],
): void {
  const { original, layout, classifier, plan } = inputs;
  const untrained = sequential(plan.layers, { shape: plan.input });
  const options = { depth: plan.layers.length, seed: 0, layout };
  const sealed = seal(nameChainInput(untrained, original), classifier, options);
  encodeModel(quantize.includes("int8") ? withOpsetForInt8(sealed) : sealed);
}

/** The shape that an image folder's images are brought to: that of the model's input, as far as it is fixed. */
export function wantedShape(graph: Graph): WantedShape {
  const { shape = [] } = graph.inputs[0] ?? {};
  if (shape.length !== 4) return {};
  const [, a, b, c] = shape.map((size) => (typeof size === "number" ? size : undefined));
  return { shape: imageLayout(graph) === "NHWC" ? [c, a, b] : [a, b, c] };
}

/** Runs the tasks at the same time. Their complaints, where there are several, become one error. */
async function all<T extends readonly unknown[]>(
  tasks: {
    readonly [K in keyof T]: () => Promise<T[K]>;
  },
): Promise<T> {
  const results = await Promise.allSettled(tasks.map((task) => task()));
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason] : [],
  );
  const [first] = failures;
  if (failures.length > 1 && failures.every((failure) => failure instanceof DeepObfError)) {
    const message = failures.map((failure: DeepObfError) => failure.message).join("\n");
    throw new (first.constructor as typeof ModelError)(message, { cause: first });
  }
  if (failures.length > 0) throw first;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
