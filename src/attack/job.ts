// The job that measures what a pirate gets out of a stolen file.
import { basename } from "node:path";
import { defineJob, type MemoryNeed, memoryOfTraining } from "../jobs/index.ts";
import { modelFileFacts, writeModel } from "../onnx/index.ts";
import { throwIfStopped } from "../runs/index.ts";
import { throwIfAnyStopped } from "../train/index.ts";
import { type Assignment, carryOut } from "./campaign.ts";
import { exemplarsPerClass } from "./exemplars.ts";
import { batchSizeFor } from "./fineTune.ts";
import { headStarts } from "./headStart.ts";
import { kinds } from "./kinds.ts";
import type { ResolvedAttackOptions } from "./options.ts";
import { type AttackTypes, prepare } from "./prepare.ts";
import { drawnFrom, type Inputs, Scene } from "./scene.ts";
import { resolvedOptions, results } from "./schema.ts";
import { Trials } from "./trials.ts";

/** Attacks a file and its original, with controls from random weights. */
export const attackJob = defineJob<AttackTypes>({
  name: "attack",
  runName: ({ model, kind }) => `${basename(model, ".onnx")}-${kind}`,
  optionsSchema: resolvedOptions,
  resultSchemas: results,
  prepare,

  memory: memoryOf,

  async execute(work) {
    const { options, inputs, run, hooks } = work;
    const { kind, seed } = options;
    hooks.onProgress?.({ type: "phase", phase: "train" });
    const scene = new Scene(inputs, options, {
      ofFirst: () => throwIfStopped(hooks, run),
      ofAll: () => throwIfAnyStopped({ hooks, run }),
    });
    const trials = await Trials.open(work, async (trained, assignment) => {
      if (!isKept(assignment, seed)) return undefined;
      await writeModel(trained, run.files.model);
      return (await modelFileFacts(run.files.model)).sha256;
    });
    const arms = await carryOut(kinds[kind], scene, trials);
    await trials.assertKept();
    return { kind, arms, headStart: headStarts(arms) };
  },
});

/** What the larger network takes with the batches of the largest budget. */
export function memoryOf(
  inputs: Inputs,
  { kind, budgets, batchSize: asked, workers, precision }: ResolvedAttackOptions,
): MemoryNeed {
  const { graphs, source } = inputs;
  const counts = drawnFrom(inputs, kind).map(({ train }) => train.count);
  const own = Math.max(...budgets) * Math.max(...counts);
  const old = kind === "incremental" && source ? source.train.classes.length : 0;
  const images = Math.round(own) + exemplarsPerClass * old;
  const batchSize = batchSizeFor(images, { asked, workers });
  const bytes = ({ fixed, perImage }: MemoryNeed) => fixed + batchSize * perImage;
  return Object.values(graphs)
    .map((graph) => memoryOfTraining(graph, { precision, batchSize }))
    .reduce((a, b) => (bytes(b) > bytes(a) ? b : a));
}

/** Whether a network is the one to keep: what the first seed makes of the stolen file. */
function isKept({ arm, isSearch, seed }: Assignment, first: number): boolean {
  return arm === "obfuscated" && !isSearch && seed === first;
}
