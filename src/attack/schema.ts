// What config.json and summary.json of an attack hold.
import { z } from "zod";
import { runOptions } from "../jobs/index.ts";
import { figure } from "../schema.ts";
import { arms } from "./headStart.ts";
import { attackKinds, pirateOptimizers } from "./names.ts";
import type { ResolvedAttackOptions } from "./options.ts";

const optimizer = z.enum(pirateOptimizers);
const positive = z.number().positive();

/** The options with everything decided. */
export const resolvedOptions = z.strictObject({
  ...runOptions,
  model: z.string(),
  original: z.string(),
  output: z.exactOptional(z.string()),
  kind: z.enum(attackKinds),
  budgets: z.array(z.number().positive().max(1)),
  seeds: z.int().min(1),
  sourceData: z.exactOptional(z.string()),
  acceptOriginal: z.exactOptional(z.boolean()),
  methods: z.exactOptional(z.array(z.string())),
  optimizers: z.exactOptional(z.array(optimizer)),
  learningRates: z.exactOptional(z.array(positive)),
}) satisfies z.ZodType<ResolvedAttackOptions>;

const advantage = z.object({ mean: figure, deviation: z.number().nullable() });

/** The results, by name. */
export const results = {
  kind: z.enum(attackKinds),
  arms: z.array(
    z.object({
      arm: z.enum(arms),
      method: z.string(),
      budget: positive,
      optimizer: z.string(),
      accuracies: z.array(figure),
      mean: figure,
      deviation: z.number().nullable(),
      learningRate: positive,
      oldAccuracies: z.exactOptional(z.array(figure)),
      newAccuracies: z.exactOptional(z.array(figure)),
    }),
  ),
  headStart: z.array(z.object({ budget: positive, original: advantage, obfuscated: advantage })),
} as const;
