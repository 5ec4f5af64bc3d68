// Everything that can be checked and decided before the long work starts.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { assertLabels, type Data, holdOut, loadData } from "../data/index.ts";
import { assertSupported } from "../engine/index.ts";
import { DeepObfError, ModelError, UsageError } from "../errors.ts";
import { type Boundary, findBoundary } from "../graph/cuts.ts";
import type { Graph } from "../graph/graph.ts";
import {
  cutGraph,
  endInLogits,
  fixInputSizes,
  foldBatchNorm,
  foldConstants,
  freeBatch,
} from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { sequential } from "../models/index.ts";
import { encodeModel, readModel } from "../onnx/index.ts";
import { type Quantization, withOpsetForInt8 } from "../quantize/index.ts";
import { type Device, parseDevice } from "../torch/index.ts";
import { assertShares, resolveJobOptions } from "../train/index.ts";
import { defaultLoss, type JointLoss } from "./joint.ts";
import type { ObfuscateOptions, ResolvedOptions } from "./options.ts";
import { type Plan, planChain } from "./plan.ts";
import { nameChainInput, seal } from "./seal.ts";

/** The original and its data, checked against each other, and the plan of the chain. */
export interface Prepared {
  /** The original as its file has it, for images of the data's shape. */
  readonly graph: Graph;
  /** What is simulated: the original up to its logits, batch norms folded, its features as a second output. */
  readonly original: Graph;
  readonly boundary: Boundary;
  readonly extractor: Graph;
  readonly classifier: Graph;
  readonly data: Data;
  readonly plan: Plan;
  readonly device: Device;
  /** SHA-256 of the original's file. */
  readonly sha256: string;
}

/**
 * Reads and checks model and data and plans the chain. What is wrong with either is thrown at once,
 * as one error of the first's class.
 */
export async function prepare(options: ObfuscateOptions): Promise<Prepared> {
  const [device, model, data] = await all([
    async () => parseDevice(options.device ?? "cpu"),
    async () => {
      const read = await readModel(options.model);
      assertSupported(read);
      return read;
    },
    async () => {
      const data = await loadData(options.data, await wantedShape(options.model));
      return holdOut(data, options.holdOut ?? 0);
    },
  ]);
  const name = basename(options.model);
  const graph = specialize(model, data.train.shape, name);
  const facts = inferShapes(graph);
  const boundary = findBoundary(graph, facts, options.boundary);
  const outputs = facts.get(graph.outputs[0]?.name ?? "")?.shape[1] ?? 0;
  assertLabels(data.train, outputs);
  assertLabels(data.test, outputs);
  const folded = foldAround(graph, boundary);
  const foldedFacts = inferShapes(folded);
  const whole = { ...folded, outputs: graph.outputs };
  const { extractor, classifier } = cutGraph(whole, boundary.tensor, foldedFacts);
  const { depth, maxMacs } = options;
  const plan = planChain(extractor, foldedFacts, { depth, boundary, ...(maxMacs && { maxMacs }) });
  assertSealable({ graph, classifier, plan }, options.quantize);
  const sha256 = createHash("sha256")
    .update(await readFile(options.model))
    .digest("hex");
  const original = endInLogits(folded);
  return { graph, original, boundary, extractor, classifier, data, plan, device, sha256 };
}

/** The graph with its batch norms folded. An output stays, so the boundary becomes one. */
function foldAround(graph: Graph, boundary: Boundary): Graph {
  const features = { ...graph.outputs[0]!, name: boundary.tensor, shape: undefined };
  return foldBatchNorm({ ...graph, outputs: [...graph.outputs, features] });
}

/** Throws ModelError where the trained chain could not be shipped with this classifier, or not be quantized. */
function assertSealable(
  { graph, classifier, plan }: Pick<Prepared, "graph" | "classifier" | "plan">,
  quantize: readonly Quantization[] = [],
) {
  const untrained = sequential(plan.layers, { shape: plan.input });
  const options = { depth: plan.layers.length, seed: 0 };
  const sealed = seal(nameChainInput(untrained, graph), classifier, options);
  encodeModel(quantize.includes("int8") ? withOpsetForInt8(sealed) : sealed);
}

/** The graph for images of this shape and any batch size, constants folded. */
function specialize(graph: Graph, shape: readonly number[], name: string): Graph {
  const free = freeBatch(fixInputSizes(graph, shape));
  if (free) return foldConstants(free);
  throw new ModelError(
    `${name} works for a batch of ${String(graph.inputs[0]?.shape?.[0])} images alone, because its ` +
      "nodes compute with that number; export it with a dynamic batch size",
  );
}

/** The shape that an image folder's images are resized to: that of the model's input, where it is fixed. */
async function wantedShape(model: string): Promise<{ shape?: readonly [number, number, number] }> {
  const graph = await readModel(model).catch(() => undefined); // its own complaint comes from elsewhere
  const sizes = graph?.inputs[0]?.shape?.slice(1) ?? [];
  return sizes.length === 3 && sizes.every((size) => typeof size === "number")
    ? { shape: sizes as unknown as [number, number, number] }
    : {};
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

/** The options with everything decided. */
export function resolveOptions(options: ObfuscateOptions, prepared: Prepared): ResolvedOptions {
  const { data, device } = prepared;
  const resolved: ResolvedOptions = {
    ...defaultLoss,
    ...options,
    ...resolveJobOptions(options, { dataset: data.train, device }),
    model: resolve(options.model),
    simulation: options.simulation ?? "direct",
    overparameterized: options.overparameterized ?? "none",
    tuneClassifier: options.tuneClassifier ?? 0,
  };
  assertLoss(resolved);
  assertShares({ "--tune-classifier": resolved.tuneClassifier });
  return resolved;
}

/** Throws UsageError for weights and a temperature that make no loss, or none of what is to learn. */
function assertLoss(loss: JointLoss & { readonly tuneClassifier: number }): void {
  const { featureWeight, labelWeight, distillationWeight, temperature, tuneClassifier } = loss;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new UsageError(`--temperature: expected a number above 0, received ${temperature}`);
  }
  const values = [featureWeight, labelWeight, distillationWeight];
  const areValid = values.every((value) => Number.isFinite(value) && value >= 0);
  if (areValid && tuneClassifier > 0 && labelWeight + distillationWeight === 0) {
    throw new UsageError(
      "--tune-classifier: expected a --label-weight or a --distillation-weight above 0, by which the " +
        "classifier learns, received 0 and 0",
    );
  }
  if (areValid && values.some((value) => value > 0)) return;
  throw new UsageError(
    "--feature-weight, --label-weight, --distillation-weight: expected numbers from 0, one of them " +
      `above 0, received ${values.join(", ")}`,
  );
}
