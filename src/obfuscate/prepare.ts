// Everything that can be checked and decided before the long work starts.
import { basename } from "node:path";
import { loadSharp } from "../data/decode.ts";
import {
  assertLabels,
  type Data,
  type DataFacts,
  dataFacts,
  fingerprint,
  holdOut,
  loadData,
  loadExtraData,
  notesOnOutputs,
  notesOnTurnedExtra,
  withExtra,
} from "../data/index.ts";
import { all } from "../errors.ts";
import type { Judgement } from "../evaluate/index.ts";
import { assertPlainPixels } from "../evaluate/inputTypes.ts";
import { knownShape, readOriginal, type WantedShape } from "../evaluate/readOriginal.ts";
import { countCost, estimateTime } from "../graph/cost.ts";
import type { Boundary } from "../graph/cuts.ts";
import { assertGradient } from "../graph/gradients.ts";
import type { Graph } from "../graph/graph.ts";
import { describeChoice } from "../graph/logits.ts";
import { foldBatchNorm } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { jobDefaults } from "../jobs/defaults.ts";
import {
  assertFits,
  type JobTypes,
  type Located,
  type MemoryNeed,
  memoryOfTraining,
  type Prepared,
} from "../jobs/index.ts";
import { sequential } from "../models/index.ts";
import { modelFileFacts } from "../onnx/index.ts";
import type { JobHooks } from "../runs/index.ts";
import { type Device, parseDevice } from "../torch/index.ts";
import { defaultDepth } from "./defaults.ts";
import {
  assertConsistent,
  type ObfuscateOptions,
  type ObfuscateResults,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import { type Inputs, type PlanOptions, planOriginal } from "./original.ts";
import type { ChainPlan } from "./plan.ts";
import { rehearseApart, throwIfRefused } from "./rehearseApart.ts";
import { epochsIn } from "./speed.ts";
import { tryOut } from "./tryOut.ts";
import { notesOnHead, notesOnInput, notesOnTest } from "./warnings.ts";

/** What was decided before training, as config.json of a run and progress events hold it. */
export interface Description {
  readonly data: DataFacts;
  /** Of the images to judge by: runs that have the same compare. */
  readonly testSha256: string;
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
  /** What some test images say of the original; undefined where they have no labels. */
  readonly judgement: Judgement | undefined;
}

/** The types of the main job. */
export interface ObfuscationTypes extends JobTypes {
  readonly asked: ObfuscateOptions;
  readonly decided: ResolvedOptions;
  readonly inputs: Inputs;
  readonly description: Description;
  readonly results: ObfuscateResults;
}

/**
 * Reads and checks model and data and plans the chain. What is wrong with either is thrown at once,
 * as one error of the first's class. Throws ResourceError where the training would take more memory than is free.
 */
export async function prepare(
  asked: Located<ObfuscateOptions>,
  hooks: JobHooks = {},
): Promise<Prepared<ObfuscationTypes>> {
  assertConsistent(asked);
  const options = { ...asked, depth: asked.depth ?? defaultDepth };
  const [device, graph, data] = await readInputs(options, hooks);
  const { shape } = data.train;
  if (!knownShape(graph)) throwIfRefused(await rehearseApart({ ...options, shape }, hooks));
  const inputs = planFor(graph, data, options);
  const resolved = resolveOptions(options, { data, device });
  const { labelWeight, distillationWeight } = resolved;
  if (labelWeight > 0 || distillationWeight > 0) assertGradient(inputs.classifier);
  assertPlainPixels(graph, resolved, basename(options.model));
  assertFits(memoryOf(inputs, resolved), device);
  const trial = await tryOut(inputs, resolved);
  const { minutes, ...rest } = options;
  const epochs = minutes && (await epochsIn(minutes, { options: resolved, inputs }));
  const decided = epochs ? resolveOptions({ ...rest, epochs }, { data, device }) : resolved;
  const prints = await fingerprint(data);
  const identity = { model: (await modelFileFacts(decided.model)).sha256, data: prints.data };
  const notes = [
    ...notesOnInput(inputs.inputType),
    ...notesOnHead(inputs),
    ...notesOnOutputs(data.train, inputs.outputs, "learn from or to judge by"),
    ...notesOnTest(data.test, decided),
    ...trial.notes,
  ];
  const description: Description = {
    testSha256: prints.test,
    data: dataFacts(data, notes),
    ...describePlan(graph, inputs, trial.judgement),
  };
  return { options: decided, inputs, identity, description };
}

/** What the training of the planned chain takes. */
export function memoryOf({ plan, teacher }: Inputs, options: ResolvedOptions): MemoryNeed {
  return memoryOfTraining(sequential(plan.layers, { shape: plan.input }), { ...options, teacher });
}

/** The device, the model, once it was rehearsed, and the data for it. */
function readInputs(
  options: Located<ObfuscateOptions> & PlanOptions,
  hooks: JobHooks,
): Promise<[Device, Graph, Data]> {
  const rehearsing = rehearseApart(options, hooks);
  return all([
    async () => {
      await loadSharp(); // for pictures of the predictions, which come last
      return parseDevice(options.device ?? "cpu");
    },
    async () => {
      throwIfRefused(await rehearsing);
      return readOriginal(options.model);
    },
    async () => {
      const { wanted, refusal } = await rehearsing;
      const shape = refusal ? sizedFor(options, wanted) : wanted;
      const loaded = await loadData(options.data, { ...options, ...shape });
      return addExtra(holdOut(loaded, options.holdOut ?? jobDefaults.holdOut), options);
    },
  ]);
}

/** What the plan comes to, for a file as it was read. */
function describePlan(
  file: Graph,
  { original, boundary, plan, extractor }: Inputs,
  judgement: Judgement | undefined,
): Omit<Description, "testSha256" | "data"> {
  const facts = inferShapes(extractor);
  const chain = foldBatchNorm(sequential(plan.layers, { shape: plan.input }));
  return {
    nodes: original.nodes.length,
    boundary,
    plan,
    judgement,
    choice: describeChoice(file, original) ?? null,
    extractorMacs: countCost(extractor, facts).macs,
    timeShare: estimateTime(chain, inferShapes(chain)) / estimateTime(extractor, facts),
  };
}

/** What a refused model wants. Where it said no size, any one will do for photos: they need not have one in common. */
function sizedFor({ data, imageSize }: ObfuscateOptions, wanted: WantedShape): WantedShape {
  if (imageSize !== undefined || !data.startsWith("images:")) return wanted;
  const [channels, height = 1, width = 1] = wanted.shape ?? [];
  return { shape: [channels, height, width] };
}

/** The data with the images from elsewhere that were asked for beside those to learn from. */
async function addExtra(data: Data, options: Located<ObfuscateOptions>): Promise<Data> {
  if (options.extraData === undefined) return data;
  const extra = await loadExtraData(options.extraData, { ...options, shape: data.train.shape });
  return {
    ...data,
    train: withExtra(data.train, extra),
    extra: extra.count,
    notes: [...(data.notes ?? []), ...notesOnTurnedExtra(extra)],
  };
}

/** Throws DataError where the labels are not those of the model. */
function planFor(model: Graph, data: Data, options: PlanOptions): Inputs {
  const planned = planOriginal(model, data.train.shape, options);
  for (const part of [data.train, data.test]) assertLabels(part, planned.outputs);
  return { ...planned, data };
}
