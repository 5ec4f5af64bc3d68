// `deepobf train ARCH --data DATA --epochs N --out DIR`: trains a reference model.
import type { TrainSummary } from "../../jobs/index.ts";
import { jobs } from "../../library/jobs.ts";
import { architectures } from "../../models/index.ts";
import { count, duration, percent } from "../../numbers.ts";
import { tensorboard, trainingOptions } from "../dataOptions.ts";
import { defineJobCommand } from "../jobCommand.ts";
import { dataLine, renderList } from "../render.ts";

const names = Object.keys(architectures);

export const train = defineJobCommand({
  name: "train",
  summary: "train a reference model, such as resnet20 or densenet, and write it as ONNX",
  argument: {
    name: "ARCH",
    help: `one of ${names.join(", ")}`,
    option: "architecture",
    words: names,
  },
  options: { ...trainingOptions, tensorboard },
  essential: ["data", "epochs", "out", "mean", "std", "flip", "seed", "json"],
  example: "train resnet20 --data cifar10:data --epochs 60 --flip --out resnet20",
  failures: ["data", "resources", "diverged"],
  job: jobs.train,
  ask: (architecture, options) => ({ ...options, architecture }),
  renderPrepared: ({ data }) => dataLine(data),
  renderSummary: renderTraining,
});

/** The figures of a trained reference model. */
function renderTraining({ accuracy, parameters, macs, seconds, files }: TrainSummary): string {
  return renderList([
    ["accuracy (single view)", percent(accuracy)],
    ["parameters", count(parameters)],
    ["MACs", count(macs)],
    ["time", duration(seconds)],
    ["model", files.model],
  ]);
}
