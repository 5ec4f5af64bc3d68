// `deepobf evaluate MODEL --data DATA`: accuracy and speed on the test images.
import type { EvaluateSummary } from "../../evaluate/evaluateModel.ts";
import { defineCommand } from "../command.ts";
import { data, readingOptions } from "../dataOptions.ts";
import { choice, withDefault } from "../options.ts";
import { Progress } from "../progress.ts";
import { milliseconds, percent, renderList } from "../render.ts";

export const evaluate = defineCommand({
  name: "evaluate",
  summary: "measure accuracy and speed of a model on the test images",
  argument: { name: "MODEL", help: "ONNX file" },
  options: {
    data,
    ...readingOptions,
    runtime: withDefault(
      choice({
        flags: "--runtime <NAME>",
        help: "ort (ONNX Runtime) or torch (libtorch)",
        choices: ["ort", "torch"],
      }),
      "ort",
    ),
  },
  common: ["device", "mean", "std", "threads", "config", "json"],
  essential: ["data", "classes", "resize", "runtime", "mean", "std", "json"],
  example:
    "evaluate resnet20.onnx --data cifar10:data --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
  failures: ["model", "data", "resources"],
  run: async ({ argument, options }) => {
    const { evaluateModel } = await import("../../evaluate/evaluateModel.ts");
    const progress = new Progress(process.stderr);
    try {
      const onProgress = (done: number, total: number) =>
        progress.status(`${done}/${total} images`);
      const onNote = (note: string) => progress.show({ type: "note", text: `Note: ${note}` });
      const summary = await evaluateModel({ ...options, model: argument, onProgress, onNote });
      return { json: summary, text: render(summary) };
    } finally {
      progress.close();
    }
  },
});

function render({ samples, accuracy, imagesPerSecond, latencyMs }: EvaluateSummary): string {
  return renderList([
    ["test images", String(samples)],
    ["accuracy", percent(accuracy)],
    ["speed", `${imagesPerSecond.toFixed(0)} images/s`],
    ["latency, batch 1", milliseconds(latencyMs.batch1)],
    ["latency, batch 64", milliseconds(latencyMs.batch64)],
  ]);
}
