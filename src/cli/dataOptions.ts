// Options that commands with data share.
import { jobDefaults } from "../jobs/defaults.ts";
import {
  choice,
  choiceOrInteger,
  flag,
  insteadOf,
  integer,
  number,
  onlyWith,
  required,
  text,
  textOrTexts,
} from "./options.ts";

export const data = required(
  text({
    flags: "--data <DATA>",
    help: "cifar10:DIR, idx:DIR or images:DIR",
    expected: "cifar10:DIR, idx:DIR or images:DIR",
  }),
);

/** How data are read: what every command with data takes. */
export const readingOptions = {
  resize: choiceOrInteger({
    flags: "--resize <HOW>",
    help: "images of folders: crop (default), squash, or length of the shorter side before the crop, such as 256",
    choices: ["crop", "squash"],
    min: 1,
    max: 16_384,
  }),
  imageSize: integer({
    flags: "--image-size <N>",
    help: "height and width of images of folders, where the model leaves them open",
    min: 1,
    max: 16_384,
  }),
  orientation: choice({
    flags: "--orientation <HOW>",
    help: "a rotation that the camera noted: apply (default), or keep the pixels as torchvision's ImageFolder does",
    choices: ["apply", "keep"],
  }),
  channelOrder: choice({
    flags: "--channel-order <ORDER>",
    help: "order of colours that the model was trained with: rgb (default) or bgr (OpenCV)",
    choices: ["rgb", "bgr"],
  }),
  labels: choice({
    flags: "--labels <KIND>",
    help: "folders (default): a class is a folder; none: images have no labels, in folders of any depth",
    choices: ["folders", "none"],
  }),
  classes: textOrTexts({
    flags: "--classes <FILE>",
    help: "class folders in the order of the model's outputs: a name on each line, or a JSON list",
    expected: "the path of a file, or in a configuration file a list of names",
  }),
  testShare: number({
    flags: "--test-share <X>",
    help: "judge by this share of a folder's images, the same in every run, where it has no test part",
    min: 0,
    above: true,
    max: 1,
  }),
} as const;

/** What every training takes. */
export const trainingOptions = {
  data,
  ...readingOptions,
  epochs: insteadOf(
    "minutes",
    integer({
      flags: "--epochs <N>",
      help: "passes over the training images (default: more where there are fewer images)",
      min: 1,
      max: 100_000,
    }),
  ),
  out: text({
    flags: "--out <DIR>",
    help: "folder of the run; must not exist (default runs/NAME-1, runs/NAME-2, ...)",
    expected: "the path of a folder that does not exist yet",
  }),
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
    max: 1e30,
  }),
  crop: integer({
    flags: "--crop <N>",
    help: "shift training images by up to N pixels (default: a sixteenth of their size)",
    min: 0,
    max: 1024,
  }),
  flip: flag({ flags: "--flip", help: "mirror half of the training images, in turns" }),
  resizedCrop: number({
    flags: "--resized-crop <X>",
    help: "photos: show random parts of at least this share of the area, scaled to the image's size",
    min: 0,
    above: true,
    max: 1,
  }),
  colorJitter: number({
    flags: "--color-jitter <X>",
    help: "photos: change brightness, contrast and saturation by up to this share",
    min: 0,
    max: 1,
  }),
  mixup: number({
    flags: "--mixup <X>",
    help: `mix training images in pairs, by a share drawn from Beta(X, X) for each batch (default ${jobDefaults.mixup}: none)`,
    min: 0,
  }),
  labelSmoothing: number({
    flags: "--label-smoothing <X>",
    help: `share of the labels that is spread over all classes (default ${jobDefaults.labelSmoothing})`,
    min: 0,
    max: 1,
  }),
  averageWeights: number({
    flags: "--average-weights <X>",
    help: `keep an average of the weights over about this share of the steps (default ${jobDefaults.averageWeights}: the last weights)`,
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
    help: `time between checkpoints (default ${jobDefaults.checkpointSeconds})`,
    min: 0,
  }),
} as const;

/** How often lost workers are started again. */
export const restarts = integer({
  flags: "--restarts <N>",
  help: "start the workers up to N times again where one was lost, from the newest checkpoint (default 0)",
  min: 0,
  max: 1_000_000,
});

/** How many processes share the training of a job. */
export const workerOptions = {
  workers: integer({
    flags: "--workers <N>",
    help: "train with N processes on this machine, each on its share of every batch (default 1)",
    min: 1,
    max: 256,
  }),
  ...onlyWith("workers", { restarts }),
} as const;

/** What jobs take that train one network. */
export const tensorboard = flag({
  flags: "--tensorboard",
  help: "also write each epoch for TensorBoard, to tensorboard/ in the run's folder",
});
