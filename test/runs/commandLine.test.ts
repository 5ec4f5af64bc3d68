// The command line that makes a run again, from the run's configuration.
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { commandLineOf } from "../../src/runs/commandLine.ts";

const line = (options: Record<string, unknown>) =>
  commandLineOf({ job: "obfuscate", options }, "model");

test("what people look for comes first, the rest by the alphabet, and a shell takes every word as it is", () => {
  const options = { seed: 1, out: "o", batchSize: 2, epochs: 3, depth: 5, data: "idx:d" };
  expect(line({ ...options, model: "it's $(id).onnx" })).toBe(
    `deepobf obfuscate 'it'\\''s $(id).onnx' --data idx:d --depth 5 --epochs 3 --out o --batch-size 2 --seed 1`,
  );
});

test("what no option takes, in a configuration edited by hand, is shown as it stands there", () => {
  const options = {
    mean: [0.5, 0.25],
    other: { toString: 1 },
    some: [{ valueOf: 1 }, 2],
    what: null,
  };
  expect(line({ model: "m", ...options })).toBe(
    `deepobf obfuscate m --mean 0.5,0.25 --other '{"toString":1}' --some '{"valueOf":1},2' --what null`,
  );
});

test("paths are as seen from the working directory, and only paths", () => {
  const here = process.cwd();
  const data = `idx:${here}`;
  expect(line({ model: `${here}/m.onnx`, data, out: `${here}/runs/a` })).toBe(
    "deepobf obfuscate m.onnx --data idx:. --out runs/a",
  );
  expect(line({ model: `${here}/-m.onnx`, data: "idx:-d" })).toBe(
    "deepobf obfuscate ./-m.onnx --data idx:-d",
  );
  const above = dirname(here);
  expect(line({ model: `${above}/m.onnx`, boundary: `${here}/Relu_output_0` })).toBe(
    `deepobf obfuscate ${above}/m.onnx --boundary ${here}/Relu_output_0`,
  );
  expect(line({ model: "m", flip: true, mixup: 0.5, watch: false, classes: ["a", "b c"] })).toBe(
    "deepobf obfuscate m --classes CLASSES.json --flip --mixup 0.5",
  );
});
