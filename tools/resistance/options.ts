// What a call of `npm run resistance` asks for.
import { parseArgs } from "node:util";
import { type PirateOptimizer, pirateOptimizers } from "../../src/attack/names.ts";
import { decimals, numbers } from "../ablations/plan.ts";

/** The options by name. Throws an Error for one that is unknown, or whose value is none of its own. */
export function readOptions(given: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...given],
    options: {
      data: { type: "string" },
      "pirate-data": { type: "string" },
      ways: { type: "string", default: "none" },
      start: { type: "string" },
      depth: { type: "string", default: "7" },
      epochs: { type: "string", default: "1" },
      seeds: { type: "string", default: "0" },
      "pirate-epochs": { type: "string", default: "20" },
      redrawn: { type: "string" },
      whitened: { type: "boolean", default: false },
      final: { type: "boolean", default: false },
      optimizer: { type: "string", default: "sgd" },
      rates: { type: "string", default: "0.05" },
      mean: { type: "string", default: "0" },
      std: { type: "string", default: "1" },
    },
    allowPositionals: true,
  });
  const [model = "", ...others] = positionals;
  const { data, "pirate-data": pirateData, redrawn } = values;
  if (!model.endsWith(".onnx") || others.length > 0 || !data || !pirateData)
    throw new Error(
      `expected ORIGINAL.onnx --data DATA --pirate-data DATA; received ${given.join(" ")}`,
    );
  return {
    model,
    data,
    pirateData,
    start: values.start,
    ways: values.ways.split(","),
    whitens: values.whitened,
    isFinal: values.final,
    optimizer: optimizerOf(values.optimizer),
    depth: only("--depth", numbers("--depth", values.depth)),
    epochs: only("--epochs", decimals("--epochs", values.epochs)),
    seeds: numbers("--seeds", values.seeds),
    pirateEpochs: only("--pirate-epochs", numbers("--pirate-epochs", values["pirate-epochs"])),
    redraws: redrawn === undefined ? [] : numbers("--redrawn", redrawn),
    learningRates: decimals("--rates", values.rates),
    mean: decimals("--mean", values.mean),
    std: decimals("--std", values.std),
  };
}

function optimizerOf(name: string): PirateOptimizer {
  const optimizer = pirateOptimizers.find((known) => known === name);
  if (optimizer) return optimizer;
  throw new Error(`--optimizer: expected one of ${pirateOptimizers.join(", ")}; received ${name}`);
}

function only(option: string, values: readonly number[]): number {
  if (values.length === 1) return values[0]!;
  throw new Error(`${option}: expected one number; received ${values}`);
}
