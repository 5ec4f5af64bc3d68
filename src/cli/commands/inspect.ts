// `deepobf inspect MODEL`: what an attacker sees in a model file. Runs nothing and needs no libtorch.
import type { Inspected, Inspection, InspectOptions } from "../../evaluate/inspect.ts";
import { runIsolated } from "../../isolate/run.ts";
import { defineCommand } from "../command.ts";
import { warn } from "../failure.ts";
import { inputShape } from "../inputShape.ts";
import { count, renderList } from "../render.ts";

const inspecting = { module: "evaluate/inspect.js", name: "inspectModel" };

export const inspect = defineCommand({
  name: "inspect",
  summary: "show what an attacker sees: layers, operators, cost, boundary, cut points",
  argument: { name: "MODEL", help: "ONNX file" },
  options: { inputShape },
  common: ["config", "json"],
  example: "inspect resnet20.onnx",
  failures: ["model"],
  run: async ({ argument, options }) => {
    const { inspection, warnings } = await runIsolated<InspectOptions, Inspected>(inspecting, {
      options: { ...options, model: argument },
      model: argument,
    });
    for (const warning of warnings) warn(warning);
    return { json: inspection, text: render(inspection) };
  },
});

function render(inspection: Inspection): string {
  const { boundary, cutPoints, input, operators } = inspection;
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
    ...cutPoints.map((name): [string, string] => ["", name]),
  ]);
}
