// `deepobf train ARCH --data DATA --epochs N --out DIR`: trains a reference model.
import { architectures } from "../../models/index.ts";
import type { TrainSummary } from "../../train/index.ts";
import { defineCommand } from "../command.ts";
import { trainingOptions } from "../dataOptions.ts";
import { runJob } from "../job.ts";
import { count, duration, percent, renderList } from "../render.ts";
import { runJson } from "../runJson.ts";

export const train = defineCommand({
  name: "train",
  summary: "train a reference model, such as resnet20 or densenet, and write it as ONNX",
  argument: {
    name: "ARCH",
    help: `one of ${Object.keys(architectures).join(", ")}`,
  },
  options: trainingOptions,
  common: ["device", "precision", "seed", "mean", "std", "threads", "config", "json"],
  example: "train resnet20 --data cifar10:data --epochs 60 --flip --out resnet20",
  failures: ["data", "resources", "diverged"],
  run: async ({ argument, options }) => {
    const { trainReference } = await import("../../train/index.ts");
    const summary = await runJob((hooks) =>
      trainReference({ ...options, architecture: argument }, hooks),
    );
    const json = await runJson(summary, { argument: "architecture", options: trainingOptions });
    return { json, text: renderTraining(summary) };
  },
});

/** The figures of a trained reference model. */
export function renderTraining({
  accuracy,
  parameters,
  macs,
  seconds,
  files,
}: TrainSummary): string {
  return renderList([
    ["accuracy (single view)", percent(accuracy)],
    ["parameters", count(parameters)],
    ["MACs", count(macs)],
    ["time", duration(seconds)],
    ["model", files.model],
  ]);
}
