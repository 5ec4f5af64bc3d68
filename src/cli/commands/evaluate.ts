// `deepobf evaluate MODEL --data DATA`: accuracy and speed on the test images.
import type {
  EvaluateEvent,
  EvaluateOptions,
  EvaluateSummary,
} from "../../evaluate/evaluateModel.ts";
import { runIsolated } from "../../isolate/run.ts";
import { milliseconds, percent } from "../../numbers.ts";
import { paragraph } from "../../text.ts";
import { defineCommand } from "../command.ts";
import { data, readingOptions } from "../dataOptions.ts";
import { output } from "../modelOptions.ts";
import { choice, withDefault } from "../options.ts";
import { Progress } from "../progress.ts";
import { renderList } from "../render.ts";

const evaluating = { module: "evaluate/evaluateModel.js", name: "evaluateWatched" };

export const evaluate = defineCommand({
  name: "evaluate",
  summary: "measure accuracy and speed of a model on the test images",
  argument: { name: "MODEL", help: "ONNX file" },
  options: {
    data,
    ...readingOptions,
    output,
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
    const progress = new Progress(process.stderr);
    try {
      const summary = await runIsolated<EvaluateOptions, EvaluateSummary>(evaluating, {
        options: { ...options, model: argument },
        model: argument,
        onEvent: (event) => show(progress, event as EvaluateEvent),
      });
      return { json: summary, text: render(summary) };
    } finally {
      progress.close();
    }
  },
});

function show(progress: Progress, event: EvaluateEvent): void {
  if (event.type === "note") progress.show({ type: "note", text: `Note: ${event.note}` });
  else progress.status(`${event.done}/${event.total} images`);
}

function render(summary: EvaluateSummary): string {
  const { output, samples, accuracy, imagesPerSecond, latencyMs } = summary;
  const warnings = summary.warnings.map((text) => `\n\nwarning: ${paragraph(text)}`).join("");
  const list = renderList([
    ["output", output],
    ["test images", String(samples)],
    ["accuracy", percent(accuracy)],
    ["speed", `${imagesPerSecond.toFixed(0)} images/s`],
    ["latency, batch 1", milliseconds(latencyMs.batch1)],
    ["latency, batch 64", milliseconds(latencyMs.batch64)],
  ]);
  return list + warnings;
}
