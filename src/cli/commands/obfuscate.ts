// `deepobf obfuscate MODEL --data DATA --depth N --epochs N --out DIR`: the main job.
import { jobs } from "../../library/jobs.ts";
import { defaultDepth, defaultLoss, defaultTuneClassifier } from "../../obfuscate/defaults.ts";
import type { ObfuscateOptions } from "../../obfuscate/index.ts";
import { quantizations } from "../../quantize/names.ts";
import type { JobHooks } from "../../runs/index.ts";
import type { Output } from "../command.ts";
import { tensorboard, trainingOptions } from "../dataOptions.ts";
import { defineJobCommand } from "../jobCommand.ts";
import { output } from "../modelOptions.ts";
import { choice, choices, flag, insteadOf, integer, number, text } from "../options.ts";
import { renderDescription, renderForecast } from "../planTable.ts";
import { renderSummary } from "../summary.ts";
import { watchBeside } from "../watchBeside.ts";

const minutesOfYear = 365 * 24 * 60;

/** What the main job takes, besides what all commands take. */
export const obfuscateOptions = {
  depth: integer({
    flags: "--depth <N>",
    help: `convolutions of the chain (default ${defaultDepth})`,
    min: 2,
    max: 1000,
  }),
  ...trainingOptions,
  tensorboard,
  extraData: text({
    flags: "--extra-data <DATA>",
    help: "further images to learn from, whatever they show; their labels do not count",
    expected: "a data set",
  }),
  output,
  minutes: insteadOf(
    "epochs",
    number({
      flags: "--minutes <M>",
      help: "train for about M minutes, by the speed that is measured, in place of --epochs",
      min: 0,
      above: true,
      max: minutesOfYear,
    }),
  ),
  boundary: text({
    flags: "--boundary <NAME>",
    help: "tensor that ends the feature extractor (default: found in the graph)",
    expected: "the name of a tensor",
  }),
  simulation: choice({
    flags: "--simulation <NAME>",
    help: "direct, or recursive: parts of the chain learn parts of the original first",
    choices: ["direct", "recursive"],
  }),
  featureWeight: number({
    flags: "--feature-weight <X>",
    help: `of the loss between the feature maps (default ${defaultLoss.featureWeight})`,
    min: 0,
  }),
  labelWeight: number({
    flags: "--label-weight <X>",
    help: `of the cross entropy with the labels (default ${defaultLoss.labelWeight})`,
    min: 0,
  }),
  distillationWeight: number({
    flags: "--distillation-weight <X>",
    help: `of the divergence from the original's softened predictions (default ${defaultLoss.distillationWeight})`,
    min: 0,
  }),
  temperature: number({
    flags: "--temperature <X>",
    help: `what logits are divided by where predictions are softened (default ${defaultLoss.temperature})`,
    min: 0,
    above: true,
  }),
  tuneClassifier: number({
    flags: "--tune-classifier <X>",
    help: `share of the steps, the last ones, in which the classifier learns too (default ${defaultTuneClassifier}: the original's)`,
    min: 0,
    max: 1,
  }),
  acceptOriginal: flag({
    flags: "--accept-original",
    help: "go on although the original's answers cannot be its own on these images",
  }),
  maxMacs: number({
    flags: "--max-macs <N>",
    help: "most multiply-accumulates of the chain",
    min: 0,
    above: true,
  }),
  quantize: choices({
    flags: "--quantize <NAMES>",
    help: "also write the shipped file in int8, fp16, or both: int8,fp16",
    choices: quantizations,
  }),
  maxLatencyRatio: number({
    flags: "--max-latency-ratio <X>",
    help: "gate: latency over the original's",
    min: 0,
    above: true,
  }),
  minAccuracy: number({
    flags: "--min-accuracy <X>",
    help: "gate: least accuracy",
    min: 0,
    max: 1,
  }),
  maxAccuracyDrop: number({
    flags: "--max-accuracy-drop <X>",
    help: "gate: most that may be lost, as a fraction of 1: 0.01 is a point",
    min: -1,
    max: 1,
  }),
  dryRun: flag({
    flags: "--dry-run",
    help: "check and plan everything, time a few steps, say what the run would take, write nothing",
  }),
  watch: flag({ flags: "--watch", help: "show the run in the browser while it lasts" }),
} as const;

export const obfuscate = defineJobCommand({
  name: "obfuscate",
  summary: "turn a trained network into a plain chain of convolutions",
  argument: { name: "MODEL", help: "ONNX file of the original", option: "model" },
  options: obfuscateOptions,
  essential: [
    ...["depth", "data", "epochs", "out", "mean", "std", "flip", "maxAccuracyDrop"],
    ...["maxLatencyRatio", "json"],
  ],
  example: "obfuscate resnet20.onnx --data cifar10:data --depth 5 --epochs 20 --flip --out run",
  failures: ["model", "data", "resources", "diverged", "gate"],
  job: jobs.obfuscate,
  ask: (model, { watch: _, dryRun: __, ...options }) => ({ ...options, model }),
  instead: ({ dryRun }) => (dryRun ? forecast : undefined),
  accompany: ({ watch, out }) => {
    if (watch) watchBeside(out);
  },
  renderPrepared: renderDescription,
  renderSummary,
});

async function forecast(asked: ObfuscateOptions, hooks: JobHooks): Promise<Output> {
  const { dryRun } = await import("../../obfuscate/index.ts");
  const found = await dryRun(asked, hooks);
  return { json: found, text: renderForecast(found) };
}
