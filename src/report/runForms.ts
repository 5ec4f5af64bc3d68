// The forms of the files in a run's folder, as far as the report reads them. Fields that it does not know are left out.
import { z } from "zod";
import { count, sha256Text, shareOfOne } from "../schema.ts";
import { base64Form } from "./html.ts";

/** A share that is not known, as an accuracy without labels, is null in JSON. */
const share = shareOfOne.nullable();
const latency = z.object({ batch1: z.number().positive(), batch64: z.number().positive() });

const figures = z.object({
  accuracy: share,
  accuracyInterval: z.tuple([share, share]),
  parameters: count,
  macs: count,
  convolutions: count,
  bytes: count,
  latencyMs: latency,
  sha256: sha256Text,
});

/** summary.json of a run of `obfuscate`. */
export const summaryForm = z.object({
  original: figures,
  obfuscated: figures,
  verify: z.object({
    maxAbsDiff: z.number().nonnegative(),
    samples: count.min(1),
    agreement: shareOfOne,
    paired: z.object({ onlyFirst: count, onlySecond: count, pValue: z.number() }).optional(),
    logitError: z.number().nonnegative().nullable(),
    predictionsSha256: sha256Text.optional(),
  }),
  quantized: z
    .partialRecord(
      z.enum(["int8", "fp16"]),
      z.object({
        accuracy: share,
        agreement: shareOfOne,
        bytes: count,
        latencyMs: latency,
        sha256: sha256Text,
      }),
    )
    .optional(),
  warnings: z.array(z.string()).max(100).default([]),
  epochs: count,
  seed: count,
  device: z.string(),
  precision: z.string(),
  seconds: z.number().nonnegative(),
  peakMemoryBytes: count.optional(),
});

const sizes = z.array(count).max(8);

/** config.json of a run of `obfuscate`. */
export const configForm = z.object({
  job: z.literal("obfuscate"),
  options: z.looseObject({
    model: z.string().min(1),
    data: z.string(),
    depth: count,
    epochs: count,
    learningRate: z.number(),
    seed: count,
    output: z.string().optional(),
    holdOut: count.optional(),
    resize: z.union([z.enum(["crop", "squash"]), count]).optional(),
    orientation: z.enum(["apply", "keep"]).optional(),
    mean: z.array(z.number()),
    std: z.array(z.number()),
  }),
  identity: z.object({ model: sha256Text, data: z.string() }),
  description: z.object({
    data: z.object({ training: count, test: count, shape: sizes, classes: count.optional() }),
    testSha256: sha256Text.optional(),
    boundary: z.object({ tensor: z.string(), shape: sizes }),
    timeShare: z.number().optional(),
  }),
  versions: z.record(z.string(), z.string()),
});

/** A line of metrics.jsonl that ends an epoch. */
export const epochForm = z.object({
  stage: z.string(),
  epoch: count,
  epochs: count,
  imagesPerSecond: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
  losses: z.record(z.string(), z.number()),
  rate: z.number().optional(),
});

const predicted = z.object({ classes: z.array(count), confidences: z.array(z.number()) });

/** predictions.json. */
export const predictionsForm = z
  .object({
    format: z.literal(1),
    classes: z.array(z.string()).nullable(),
    labels: z.array(count).nullable(),
    original: predicted,
    obfuscated: predicted,
    apart: z.array(z.number()),
    thumbnails: z.array(z.object({ place: count, png: z.string().regex(base64Form) })).max(100),
  })
  .refine(
    ({ labels, original, obfuscated, apart, thumbnails }) => {
      const lists = [original, obfuscated].flatMap((each) => [each.classes, each.confidences]);
      const areAlike = [...lists, labels ?? apart].every((list) => list.length === apart.length);
      return areAlike && thumbnails.every(({ place }) => place < apart.length);
    },
    { message: "its lists are not of one length" },
  );

/** exposure.json: what the shipped file tells of the original. */
export const exposureForm = z.object({
  layerEditDistance: z.number(),
  graphSimilarity: z.number(),
  sharedNames: count,
  sharedMetadata: count,
  sharedWeights: count,
  sharedWeightsUpToScale: count,
  sentences: z.record(z.string(), z.string()),
  cka: z
    .object({
      model: z.array(z.string()).max(10_000),
      original: z.array(z.string()).max(10_000),
      values: z.array(z.array(z.number().nullable())).max(10_000),
    })
    .nullable(),
});

const gain = z.object({ mean: z.number(), deviation: z.number().nullable().optional() });

/** config.json of a run of `attack`: of which files it was. */
export const attackConfigForm = z.object({
  job: z.literal("attack"),
  identity: z.object({ model: sha256Text }),
});

/** summary.json of a run of `attack`. */
export const attackForm = z.object({
  kind: z.string(),
  arms: z
    .array(
      z.object({
        arm: z.string(),
        method: z.string(),
        budget: z.number().positive(),
        accuracies: z.array(z.number()),
        mean: z.number(),
        deviation: z.number().nullable().optional(),
      }),
    )
    .max(10_000),
  headStart: z.array(z.object({ budget: z.number().positive(), original: gain, obfuscated: gain })),
});

/** Whether an attack's networks all learn from random weights: those of the files' arms from the shipped one's answers. */
export function isExtraction({ kind }: Pick<Attack, "kind">): boolean {
  return kind === "extraction";
}

export type Summary = z.infer<typeof summaryForm>;
export type Config = z.infer<typeof configForm>;
export type Epoch = z.infer<typeof epochForm>;
export type Figures = z.infer<typeof figures>;
export type PredictionsFile = z.infer<typeof predictionsForm>;
export type Exposure = z.infer<typeof exposureForm>;
export type Attack = z.infer<typeof attackForm>;
