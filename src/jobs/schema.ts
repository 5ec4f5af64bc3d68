// The options in config.json of a run and the facts in its summary.json, whatever its job: they are read again when it is
// resumed.
import { z } from "zod";
import { setback } from "../runs/metrics.ts";
import { count, figure, sha256Text, shareOfOne } from "../schema.ts";
import type { Device } from "../torch/index.ts";

const device = z.string().regex(/^(cpu|cuda:\d{1,3})$/) as z.ZodType<Device>;
const batchSize = z.int().min(1);

/** How data are read: DataOptions. */
export const readingOptions = {
  resize: z.exactOptional(z.union([z.enum(["crop", "squash"]), z.int().min(1)])),
  imageSize: z.exactOptional(z.int().min(1)),
  orientation: z.exactOptional(z.enum(["apply", "keep"])),
  channelOrder: z.exactOptional(z.enum(["rgb", "bgr"])),
  labels: z.exactOptional(z.enum(["folders", "none"])),
  classes: z.exactOptional(z.union([z.string(), z.array(z.string())])),
  testShare: z.exactOptional(shareOfOne),
} as const;

/** The decided options of every job: ResolvedRunOptions. */
export const runOptions = {
  data: z.string(),
  epochs: z.int().min(1),
  out: z.string(),
  mean: z.array(z.number()),
  std: z.array(z.number()),
  device,
  precision: z.enum(["f32", "bf16"]),
  seed: count,
  threads: z.int().min(1),
  batchSize: z.exactOptional(batchSize),
  crop: count,
  flip: z.boolean(),
  checkpointSeconds: z.number().min(0),
  workers: z.exactOptional(z.int().min(1)),
  ...readingOptions,
} as const;

/** The decided options of a job that trains one network: ResolvedJobOptions. */
export const jobOptions = {
  ...runOptions,
  batchSize,
  optimizer: z.enum(["muon", "sgd"]),
  learningRate: z.number().positive(),
  resizedCrop: z.exactOptional(shareOfOne),
  colorJitter: z.exactOptional(shareOfOne),
  mixup: z.number().min(0),
  labelSmoothing: shareOfOne,
  averageWeights: shareOfOne,
  holdOut: count,
  tensorboard: z.exactOptional(z.boolean()),
} as const;

/** The facts of a run in summary.json: RunFacts. */
export const runFacts = {
  epochs: count,
  seed: count,
  device: z.string(),
  precision: z.enum(["f32", "bf16"]),
  seconds: figure,
  peakMemoryBytes: z.number(),
  versions: z.record(z.string(), z.string()),
  modelSha256: sha256Text.nullable(),
  setbacks: z.array(setback),
  files: z.record(z.string(), z.string()),
} as const;
