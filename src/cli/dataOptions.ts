// Options that commands with data share.
import { choice, flag, integer, number, required, text } from "./options.ts";

export const data = required(
  text({
    flags: "--data <DATA>",
    help: "cifar10:DIR, idx:DIR or images:DIR",
    expected: "cifar10:DIR, idx:DIR or images:DIR",
  }),
);

/** What every training takes. */
export const trainingOptions = {
  data,
  epochs: required(
    integer({
      flags: "--epochs <N>",
      help: "passes over the training images",
      min: 1,
      max: 100_000,
    }),
  ),
  out: required(
    text({
      flags: "--out <DIR>",
      help: "folder of the run; must not exist",
      expected: "the path of a folder that does not exist yet",
    }),
  ),
  batchSize: integer({ flags: "--batch-size <N>", help: "images a step", min: 1, max: 65_536 }),
  optimizer: choice({
    flags: "--optimizer <NAME>",
    help: "muon (default), or sgd for all parameters",
    choices: ["muon", "sgd"],
  }),
  learningRate: number({
    flags: "--learning-rate <X>",
    help: "the highest of the schedule (default: falls with the root of the number of steps)",
    min: 0,
    above: true,
  }),
  crop: integer({
    flags: "--crop <N>",
    help: "shift training images by up to N pixels (default: a sixteenth of their size)",
    min: 0,
    max: 1024,
  }),
  flip: flag({ flags: "--flip", help: "mirror half of the training images, in turns" }),
  mixup: number({
    flags: "--mixup <X>",
    help: "mix training images in pairs, by a share drawn from Beta(X, X) for each batch (default 0: none)",
    min: 0,
  }),
  labelSmoothing: number({
    flags: "--label-smoothing <X>",
    help: "share of the labels that is spread over all classes (default 0)",
    min: 0,
    max: 1,
  }),
  averageWeights: number({
    flags: "--average-weights <X>",
    help: "keep an average of the weights over about this share of the steps (default 0: the last weights)",
    min: 0,
    max: 1,
  }),
  holdOut: integer({
    flags: "--hold-out <N>",
    help: "judge by N training images, which are not trained on, instead of the test images",
    min: 0,
    max: 1e9,
  }),
  checkpointSeconds: number({
    flags: "--checkpoint-seconds <X>",
    help: "time between checkpoints (default 60)",
    min: 0,
  }),
} as const;
