// The original as it is simulated: read, adopted, cut in extractor and classifier, and the chain planned. All of it
// follows from the model's file and the images' shape.
import type { Data } from "../data/index.ts";
import { adoptModel } from "../graph/adopt.ts";
import { type Boundary, findBoundary } from "../graph/cuts.ts";
import type { DataType, Graph } from "../graph/graph.ts";
import { imageLayout, type Layout } from "../graph/layout.ts";
import { compose, cutGraph, endInLogits, foldBatchNorm } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { sequential } from "../models/index.ts";
import { encodeModel } from "../onnx/index.ts";
import { type Quantization, withOpsetForInt8 } from "../quantize/index.ts";
import { fileName } from "../text.ts";
import type { ObfuscateOptions } from "./options.ts";
import { type ChainPlan, planChain } from "./plan.ts";
import { nameChainInput, seal } from "./seal.ts";

/** What follows from an original for images of one shape. */
export interface PlannedOriginal {
  /** The original for images of the data's shape, channels first, with its logits as the only output. */
  readonly original: Graph;
  /** How the original's file takes its images. */
  readonly layout: Layout;
  /** In which type the original's file takes its images. */
  readonly inputType: DataType;
  /** The only number of images at once that the original's file takes; undefined where it takes any. */
  readonly batch: number | undefined;
  /** What is simulated: the original up to its logits, batch norms folded, its features as a second output. */
  readonly teacher: Graph;
  readonly boundary: Boundary;
  readonly extractor: Graph;
  readonly classifier: Graph;
  readonly plan: ChainPlan;
  /** Number of classes that it tells apart. */
  readonly outputs: number;
}

/** The planned original and its data, checked against each other. */
export interface Inputs extends PlannedOriginal {
  readonly data: Data;
}

/** The options that planning needs. */
export type PlanOptions = Pick<
  ObfuscateOptions,
  "model" | "output" | "boundary" | "maxMacs" | "quantize"
> & { readonly depth: number };

/** What follows from the model alone, for images of this shape. Throws ModelError where it cannot be obfuscated. */
export function planOriginal(
  model: Graph,
  shape: readonly number[],
  options: PlanOptions,
): PlannedOriginal {
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
  const [size] = model.inputs[0]?.shape ?? [];
  const batch = typeof size === "number" ? size : undefined;
  const inputType = model.inputs[0]?.dtype ?? "float32";
  const inputs = { original, layout, inputType, batch, boundary, extractor, classifier, plan };
  assertSealable(inputs, options.quantize);
  return { ...inputs, teacher: endInLogits(folded), outputs };
}

/** The graph with its batch norms folded. An output stays, so the boundary becomes one. */
function foldAround(graph: Graph, boundary: Boundary): Graph {
  const features = { ...graph.outputs[0]!, name: boundary.tensor, shape: undefined };
  return foldBatchNorm({ ...graph, outputs: [...graph.outputs, features] });
}

/** Throws ModelError where the trained chain could not be shipped with this classifier, or not be quantized. */
function assertSealable(inputs: Planned, quantize: readonly Quantization[] = []): void {
  const { sealed } = untrainedChain(inputs);
  encodeModel(quantize.includes("int8") ? withOpsetForInt8(sealed) : sealed);
}

type Planned = Pick<PlannedOriginal, "original" | "layout" | "classifier" | "plan">;

/** A chain of which nothing is trained yet, under the classifier, and the form of what will be shipped. */
export function untrainedChain({ original, layout, classifier, plan }: Planned): {
  trained: Graph;
  sealed: Graph;
} {
  const untrained = sequential(plan.layers, { shape: plan.input });
  const chain = nameChainInput(untrained, original);
  const options = { depth: plan.layers.length, seed: undefined, layout };
  return { trained: compose(chain, classifier), sealed: seal(chain, classifier, options) };
}
