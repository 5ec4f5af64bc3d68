// `deepobf check MODEL`: runs a model on libtorch and in ONNX Runtime and compares the outputs.
import type { CheckOptions, CheckResult } from "../../evaluate/check.ts";
import { defineCommand } from "../command.ts";
import { warn } from "../failure.ts";
import { inputShape } from "../inputShape.ts";
import { isolated } from "../isolated.ts";
import { renderTable, tiny } from "../render.ts";

export const check = defineCommand({
  name: "check",
  summary: "run a model on libtorch and in ONNX Runtime and compare the outputs",
  argument: { name: "MODEL", help: "ONNX file" },
  options: { inputShape },
  common: ["device", "seed", "threads", "config", "json"],
  example: "check resnet20.onnx",
  failures: ["model", "resources"],
  run: async ({ argument, options }) => {
    const result = await isolated<CheckOptions, CheckResult>("check", "checkModel", {
      options: { ...options, model: argument },
      model: argument,
    });
    for (const { name, maxAbsDiff } of result.outputs) {
      if (maxAbsDiff === null) {
        warn(`output "${name}" has values that are finite in one runtime and not in the other`);
      }
    }
    return { json: result, text: render(result) };
  },
});

function render({ outputs, ...overall }: CheckResult): string {
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
