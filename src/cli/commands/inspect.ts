// `deepobf inspect MODEL`: what an attacker sees in a model file. Runs nothing and needs no libtorch, unless the file is
// held against its original by images.
import type { Inspection, InspectOptions } from "../../evaluate/inspect.ts";
import type { Exposure, ExposureOptions } from "../../exposure/expose.ts";
import { runIsolated } from "../../isolate/run.ts";
import { count } from "../../numbers.ts";
import { defineCommand } from "../command.ts";
import { data, readingOptions } from "../dataOptions.ts";
import { warn } from "../failure.ts";
import { inputShape, output } from "../modelOptions.ts";
import { onlyWith, text } from "../options.ts";
import { renderList } from "../render.ts";

const inspecting = { module: "evaluate/inspect.js", name: "inspectModel" };
const exposing = { module: "exposure/expose.js", name: "expose" };

/** Cut points that people read; all of them are in the JSON. */
const mostShown = 20;

export const inspect = defineCommand({
  name: "inspect",
  summary: "show what an attacker sees: layers, operators, cost, boundary, cut points",
  argument: { name: "MODEL", help: "ONNX file" },
  options: {
    inputShape,
    against: text({
      flags: "--against <ORIGINAL>",
      help: "also tell what the file shows of this model, which it was made of",
      expected: "the path of an ONNX file",
    }),
    ...onlyWith("against", {
      data: { ...data, required: false, help: "with --against: images to compare features by" },
    }),
    ...onlyWith("data", readingOptions),
    output: {
      ...output,
      help: "output that tells the classes apart; with --against that of ORIGINAL",
    },
  },
  common: ["mean", "std", "config", "json"],
  essential: ["inputShape", "against", "data", "mean", "std", "json"],
  example: "inspect run/model.onnx --against resnet20.onnx --data cifar10:data",
  failures: ["model", "data", "resources"],
  run: async ({ argument, options }) => {
    const { against, inputShape: shape, output: asked } = options;
    const inspection = await runIsolated<InspectOptions, Inspection>(inspecting, {
      options: {
        model: argument,
        ...(shape && { inputShape: shape }),
        ...(asked !== undefined && against === undefined && { output: asked }),
      },
      model: argument,
    });
    for (const warning of inspection.warnings) warn(warning);
    if (against === undefined) return { json: inspection, text: renderInspection(inspection) };
    const exposure = await runIsolated<ExposureOptions, Exposure>(exposing, {
      options: { ...options, model: argument, against },
      model: argument,
    });
    const told = Object.values(exposure.sentences).join("\n");
    return {
      json: { ...inspection, exposure },
      text: `${renderInspection(inspection)}\n\n${told}`,
    };
  },
});

/** What was found, for people: of many cut points the first. */
export function renderInspection(inspection: Inspection): string {
  const { boundary, cutPoints, input, operators } = inspection;
  const left = cutPoints.length - mostShown;
  const shape = (sizes: readonly (number | string)[] | null) =>
    sizes ? `[${sizes.map((size) => size || "?").join(", ")}]` : "of unknown rank";
  return renderList([
    ["input", input ? `${input.name} ${shape(input.shape)}` : "none"],
    ["parameters", count(inspection.parameters)],
    ["MACs", inspection.macs === null ? "unknown" : count(inspection.macs)],
    ["nodes", String(inspection.nodes)],
    [
      "operators",
      Object.entries(operators)
        .map(([name, times]) => `${name} ${times}`)
        .join(", "),
    ],
    ["convolutions", String(inspection.convolutions)],
    ["sequential", inspection.sequential ? "yes" : "no"],
    ["boundary", boundary ? `${boundary.tensor} ${shape(boundary.shape)}` : "none"],
    ["cut points", String(cutPoints.length)],
    ...cutPoints.slice(0, mostShown).map((name): [string, string] => ["", name]),
    ...(left > 0 ? [["", `... and ${left} more, which --json gives`] as const] : []),
  ]);
}
