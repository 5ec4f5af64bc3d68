// The main job: original in, run folder with the shipped file out.
import { join, parse } from "node:path";
import { notesOnRepeated, ownImages } from "../data/index.ts";
import { isOutOfMemory, ModelError } from "../errors.ts";
import { compose } from "../graph/rewrites.ts";
import { beginVerifying, defineJob } from "../jobs/index.ts";
import { writeModel } from "../onnx/index.ts";
import { quantizeShipped } from "../quantize/index.ts";
import { throwIfStopped } from "../runs/index.ts";
import { missedGates } from "./gates.ts";
import { leftoversOf } from "./leftovers.ts";
import { memoryOf, type ObfuscationTypes, prepare } from "./prepare.ts";
import { resolvedOptions, results } from "./schema.ts";
import { nameChainInput, seal } from "./seal.ts";
import { simulate } from "./simulate.ts";
import { verify } from "./verify.ts";
import { notesOnHead, notesOnInput, warningsOf } from "./warnings.ts";
import { writeExposure } from "./writeExposure.ts";

/** Trains the chain, seals it under the original's classifier, and verifies the file. */
export const obfuscationJob = defineJob<ObfuscationTypes>({
  name: "obfuscate",
  runName: ({ model }) => parse(model).name,
  optionsSchema: resolvedOptions,
  resultSchemas: results,
  prepare,
  memory: memoryOf,

  async execute(work) {
    const { options, inputs, run, hooks } = work;
    const { original, layout, inputType, batch, data } = inputs;
    const { depth, seed, mean, std, threads } = options;
    hooks.onProgress?.({ type: "phase", phase: "train" });
    const simulated = await simulate(work);
    const chain = nameChainInput(simulated.chain, original);

    beginVerifying(work);
    const sealed = seal(chain, simulated.classifier, { depth, seed, layout });
    const shipped = { graph: sealed, path: run.files.model };
    await writeModel(sealed, shipped.path);
    const onProgress = () => throwIfStopped(hooks, run);
    const judging = { ...data, train: ownImages(data), mean, std, threads, onProgress };
    const trained = compose(chain, simulated.classifier);
    const file = { path: options.model, layout, graph: original, output: options.output };
    const { originalClasses, notes, ...verified } = await verify(file, shipped, {
      ...judging,
      trained,
      fileBatch: batch,
      predictions: join(run.directory, "predictions.json"),
    });
    onProgress();
    const { quantize } = options;
    const quantized =
      quantize &&
      (await quantizeShipped(shipped, quantize, { ...judging, layout, originalClasses }));
    onProgress();
    await writeExposure({ ...file, shipped, data: data.test, mean, std }, run.directory).catch(
      (error: unknown) => {
        const reason = reasonToGoOn(error);
        if (reason === undefined) throw error;
        const text = `what the file tells of the original was not measured: ${reason}`;
        hooks.onProgress?.({ type: "note", text });
      },
    );
    const results = { ...verified, ...(quantized && { quantized: quantized.files }), depth };
    const warnings = [
      ...warningsOf(results, options),
      ...leftoversOf(sealed, depth),
      ...notesOnInput(inputType),
      ...notesOnHead(inputs),
      ...notes,
      ...(quantized?.leftOut ?? []),
      ...notesOnRepeated(data),
    ];
    return { ...results, warnings };
  },

  missedGates,
  report: async (directory) => (await import("../report/writeReport.ts")).writeReport(directory),
});

/** Why something that a run can do without could not be measured; undefined of other errors. */
function reasonToGoOn(error: unknown): string | undefined {
  if (isOutOfMemory(error)) return "memory ran out";
  return error instanceof ModelError ? error.message : undefined;
}
