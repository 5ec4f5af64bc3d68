// `deepobf attack MODEL|RUN --kind KIND --original FILE --data DATA`: what a pirate gets out of a stolen file.

import { defaultBudgets, defaultEpochs, defaultSeeds } from "../../attack/defaults.ts";
import type { AttackDescription, AttackSummary } from "../../attack/index.ts";
import { attackKinds, pirateMethods, pirateOptimizers } from "../../attack/names.ts";
import { jobs } from "../../library/jobs.ts";
import { duration, percent, withDeviation } from "../../numbers.ts";
import { counted } from "../../text.ts";
import { trainingOptions } from "../dataOptions.ts";
import { defineJobCommand } from "../jobCommand.ts";
import { output } from "../modelOptions.ts";
import { choice, choices, flag, integer, numbers, required, text } from "../options.ts";
import { dataLine, renderTable } from "../render.ts";

const { data, epochs, out, batchSize, crop, flip, checkpointSeconds, ...others } = trainingOptions;
const { resize, imageSize, orientation, channelOrder, classes, testShare } = others;

const attackOptions = {
  kind: required(
    choice({
      flags: "--kind <KIND>",
      help: "transfer (classes of his own), incremental (these added to the old ones) or extraction (by queries)",
      choices: attackKinds,
    }),
  ),
  original: text({
    flags: "--original <FILE>",
    help: "the model that MODEL was made of; a run's folder knows its own",
    expected: "the path of an ONNX file",
  }),
  output: {
    ...output,
    help: "the original's output that tells the classes apart; a run's folder knows it",
  },
  data: { ...data, help: "the pirate's images: cifar10:DIR, idx:DIR or images:DIR" },
  sourceData: text({
    flags: "--source-data <DATA>",
    help: "images of the model's own classes; those that a run learned from by default",
    expected: "cifar10:DIR, idx:DIR or images:DIR",
  }),
  budgets: numbers({
    flags: "--budgets <X,Y,Z>",
    help: `shares of the pirate's images, each an attack of its own (default ${defaultBudgets})`,
    example: "0.1,1",
    min: 0,
    above: true,
    max: 1,
  }),
  seeds: integer({
    flags: "--seeds <N>",
    help: `seeds that the best recipe is run with (default ${defaultSeeds})`,
    min: 1,
    max: 1000,
  }),
  epochs: { ...epochs, help: `passes over the pirate's images (default ${defaultEpochs})` },
  out,
  methods: choices({
    flags: "--methods <NAMES>",
    help: "ways to choose the best of (default: all of the kind)",
    choices: pirateMethods,
  }),
  optimizers: choices({
    flags: "--optimizers <NAMES>",
    help: "optimizers to choose the best of (default: all)",
    choices: pirateOptimizers,
  }),
  learningRates: numbers({
    flags: "--learning-rates <X,Y,Z>",
    help: "rates to choose the best of (default: three or more for each optimizer)",
    example: "0.01,0.05",
    min: 0,
    above: true,
    max: 1e30,
  }),
  acceptOriginal: flag({
    flags: "--accept-original",
    help: "go on although the original does not seem to be that of the file, or to know its classes",
  }),
  resize,
  imageSize,
  orientation,
  channelOrder,
  classes,
  testShare,
  batchSize: { ...batchSize, help: "images a step (default: 8 to 128, by the number of images)" },
  crop,
  flip,
  checkpointSeconds,
} as const;

export const attack = defineJobCommand({
  name: "attack",
  summary: "measure what a pirate gets who fine-tunes or queries a stolen file",
  argument: { name: "MODEL", help: "stolen ONNX file, or the folder of its run", option: "model" },
  options: attackOptions,
  essential: [
    ...["kind", "original", "data", "sourceData", "budgets", "seeds", "epochs", "out"],
    ...["mean", "std", "flip", "json"],
  ],
  example: "attack run --kind transfer --data images:birds --budgets 0.1 --flip --out attack",
  failures: ["model", "data", "resources"],
  job: jobs.attack,
  ask: (model, options) => ({ ...options, model }),
  renderPrepared: renderDescription,
  renderSummary: renderAttack,
});

/** With which shares of which data a pirate begins. */
export function renderDescription({ kind, data, budgets, seeds }: AttackDescription): string {
  const shares = budgets.map((budget) => percent(budget)).join(", ");
  const images = counted(data.training, "image");
  const first = `${kind} with ${shares} of the ${images} to learn from, ${counted(seeds, "seed")}`;
  return `${first}\n${dataLine(data)}`;
}

/** What each starting point gives, and the head starts. */
export function renderAttack({ kind, arms, headStart, seconds, files }: AttackSummary): string {
  const table = renderTable([
    ["starts from", "budget", "accuracy", "deviation", "method", "optimizer", "rate"],
    ...arms.map(({ arm, budget, mean, deviation, method, optimizer, learningRate }) => [
      ...[arm, percent(budget), percent(mean), deviation === null ? "" : percent(deviation)],
      ...[method, optimizer, String(learningRate)],
    ]),
  ]);
  const starts = renderTable([
    kind === "extraction"
      ? ["answers over labels, points", "original's architecture", "chain's"]
      : ["head start in points", "original", "obfuscated"],
    ...headStart.map(({ budget, original, obfuscated }) => [
      ...[`with ${percent(budget)}`, withDeviation(original), withDeviation(obfuscated)],
    ]),
  ]);
  return [table, starts, `time   ${duration(seconds)}\nresults   ${files.summary}`].join("\n\n");
}
