// `deepobf check MODEL`: runs a model on libtorch and in ONNX Runtime and compares the outputs.
import type { CheckOptions, CheckResult } from "../../evaluate/check.ts";
import { runIsolated } from "../../isolate/run.ts";
import { tiny } from "../../numbers.ts";
import { defineCommand } from "../command.ts";
import { warn } from "../failure.ts";
import { inputShape } from "../modelOptions.ts";
import { renderTable } from "../render.ts";

const mostWarnings = 10;
const checking = { module: "evaluate/check.js", name: "checkModel" };

export const check = defineCommand({
  name: "check",
  summary: "run a model on libtorch and in ONNX Runtime and compare the outputs",
  argument: { name: "MODEL", help: "ONNX file" },
  options: { inputShape },
  common: ["device", "seed", "threads", "config", "json"],
  example: "check resnet20.onnx",
  failures: ["model", "resources"],
  run: async ({ argument, options }) => {
    const result = await runIsolated<CheckOptions, CheckResult>(checking, {
      options: { ...options, model: argument },
      model: argument,
    });
    if (result.isStandIn) {
      const { noteOnStandIn } = await import("../../evaluate/openModel.ts");
      warn(noteOnStandIn("the differences are those"));
    }
    const differing = result.outputs.filter(({ maxAbsDiff }) => maxAbsDiff === null);
    for (const { name } of differing.slice(0, mostWarnings)) {
      warn(`output "${name}" has values that are finite in one runtime and not in the other`);
    }
    if (differing.length > mostWarnings) {
      warn(`... and ${differing.length - mostWarnings} more outputs have`);
    }
    return { json: result, text: render(result) };
  },
});

function render({ outputs, isStandIn: _, ...overall }: CheckResult): string {
  const number = (value: number | null) => (value === null ? "not finite" : tiny(value));
  const rows = [
    ...outputs,
    ...(outputs.length > 1 ? [{ name: "all", shape: [], ...overall }] : []),
  ];
  return renderTable([
    ["output", "shape", "largest difference", "over largest value"],
    ...rows.map(({ name, shape, maxAbsDiff, maxRelDiff }) => [
      name,
      shape.length === 0 ? "" : `[${shape.join(", ")}]`,
      number(maxAbsDiff),
      number(maxRelDiff),
    ]),
  ]);
}
