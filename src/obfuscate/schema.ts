// What config.json and summary.json of a run of the main job hold.
import { z } from "zod";
import { jobOptions } from "../jobs/index.ts";
import { count, figure, sha256Text, shareOfOne } from "../schema.ts";
import type { ResolvedOptions } from "./options.ts";

const weight = z.number().min(0);

/** The options with everything decided. */
export const resolvedOptions = z.strictObject({
  ...jobOptions,
  model: z.string(),
  depth: z.int().min(1),
  featureWeight: weight,
  labelWeight: weight,
  distillationWeight: weight,
  temperature: z.number().positive(),
  simulation: z.enum(["recursive", "direct"]),
  tuneClassifier: shareOfOne,
  extraData: z.exactOptional(z.string()),
  output: z.exactOptional(z.string()),
  boundary: z.exactOptional(z.string()),
  acceptOriginal: z.exactOptional(z.boolean()),
  maxMacs: z.exactOptional(z.number().positive()),
  quantize: z.exactOptional(z.array(z.enum(["int8", "fp16"]))),
  maxLatencyRatio: z.exactOptional(z.number()),
  minAccuracy: z.exactOptional(z.number()),
  maxAccuracyDrop: z.exactOptional(z.number()),
}) satisfies z.ZodType<ResolvedOptions>;

const interval = z.tuple([figure, figure]);

const measured = {
  accuracy: figure,
  accuracyInterval: interval,
  bytes: count,
  latencyMs: z.object({ batch1: figure, batch64: figure }),
  sha256: sha256Text,
} as const;

const modelFigures = z.object({ ...measured, parameters: count, macs: count, convolutions: count });
const quantizedFigures = z.object({ ...measured, model: z.string(), agreement: figure });

/** The results, by name. */
export const results = {
  original: modelFigures,
  obfuscated: modelFigures,
  verify: z.object({
    maxAbsDiff: figure,
    maxRelDiff: figure,
    samples: count,
    agreement: figure,
    paired: z.exactOptional(z.object({ onlyFirst: count, onlySecond: count, pValue: figure })),
    logitError: figure,
    trainingLogitError: figure,
    maxAbsDiffToOriginal: figure,
    predictionsSha256: sha256Text,
  }),
  quantized: z.exactOptional(
    z.object({ int8: z.exactOptional(quantizedFigures), fp16: z.exactOptional(quantizedFigures) }),
  ),
  depth: count,
  warnings: z.array(z.string()),
} as const;
