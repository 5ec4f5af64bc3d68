// A toy job, defined in one place: it trains a tiny classifier for milliseconds.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomically } from "../../src/files.ts";
import {
  defineJob,
  type JobOptions,
  type JobTypes,
  jobOptions,
  memoryOfTraining,
  type ResolvedJobOptions,
  resolveJobOptions,
} from "../../src/jobs/index.ts";
import type { MemoryNeed } from "../../src/jobs/memory.ts";
import type { ProgressEvent } from "../../src/runs/index.ts";
import { figure } from "../../src/schema.ts";
import { train } from "../../src/train/index.ts";
import { quarters, setUp, smallClassifier } from "../train/tiny.ts";

export interface ToyOptions extends JobOptions {
  readonly mostLoss?: number;
}

interface ToyTypes extends JobTypes {
  readonly asked: ToyOptions;
  readonly decided: ToyOptions & ResolvedJobOptions;
  readonly inputs: string;
  readonly description: { parts: number };
  readonly results: { loss: number };
}

/** What a toy has of its own. */
interface ToyParts {
  readonly memory?: MemoryNeed;
  readonly report?: (directory: string) => Promise<unknown>;
}

/** Trains a tiny classifier, and writes its state in place of a model. It works on a file. */
export const toyOn = (source: string, { memory, report }: ToyParts = {}) =>
  defineJob<ToyTypes>({
    name: "toy",
    runName: () => "toy",
    optionsSchema: z.strictObject({ ...jobOptions, mostLoss: z.exactOptional(z.number()) }),
    resultSchemas: { loss: figure },

    async prepare(options) {
      const resolved = resolveJobOptions(options, {
        dataset: quarters(),
        device: "cpu",
        usualImages: 1000,
      });
      return {
        options: { ...options, ...resolved },
        inputs: "a toy",
        identity: { model: readFileSync(source, "utf8"), data: "quarters" },
        description: { parts: 1 },
      };
    },

    memory: () =>
      memory ?? memoryOfTraining(smallClassifier(), { precision: "f32", batchSize: 16 }),

    async execute({ options, inputs, run, hooks, checkpoint }) {
      using setup = setUp({ epochs: options.epochs });
      const { stage } = setup;
      let loss = Number.NaN;
      const onProgress = (event: ProgressEvent) => {
        if (event.type === "epoch") loss = event.losses.loss!;
        hooks.onProgress?.(event);
      };
      await train({ ...stage, name: inputs }, { run, hooks: { ...hooks, onProgress }, checkpoint });
      await writeFileAtomically(
        run.files.model,
        Buffer.concat([...stage.learner.state.values()].map((each) => each.toBytes())),
      );
      return { loss };
    },

    missedGates: ({ loss }, { mostLoss = 10 }) => (loss > mostLoss ? [`loss ${loss}`] : []),
    ...(report && { report }),
  });

/** The options of a run of one epoch that saves after every step. */
export const tinyRun = (out: string): ToyOptions => ({
  data: "idx:nowhere",
  epochs: 1,
  out,
  batchSize: 16,
  threads: 1,
  precision: "f32",
  checkpointSeconds: 0,
});
