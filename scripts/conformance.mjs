// Runs ONNX's backend test suite (Debian's libonnx-testdata) through the engine.
//
//     npm run conformance [-- --only PATTERN] [--verbose]
//
// ONNX_TESTDATA names another copy of the suite. The tolerance is that of ONNX's own runner.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Network } from "../dist/engine/index.js";
import { toNumbers } from "../dist/graph/tensorData.js";
import { parseModel, readTensor } from "../dist/onnx/index.js";
import { fromBytes, inferenceMode, scope, tensor } from "../dist/torch/index.js";
import { skips } from "./conformance-skips.mjs";

const suite = process.env.ONNX_TESTDATA ?? "/usr/share/libonnx-testdata/data";
const groups = ["node", "simple", "pytorch-converted", "pytorch-operator"];
const relativeTolerance = 1e-3;
const absoluteTolerance = 1e-7;

const { values: options } = parseArgs({
  options: { only: { type: "string" }, verbose: { type: "boolean" } },
});
if (!existsSync(suite)) {
  console.error(`${suite} does not exist: install libonnx-testdata, or set ONNX_TESTDATA`);
  process.exit(1);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
/** @type {Map<string, number>} */
const skippedFor = new Map();
for (const group of groups) {
  for (const name of readdirSync(join(suite, group)).sort()) {
    if (options.only && !new RegExp(options.only).test(name)) continue;
    const skip = skips.find(([pattern]) => pattern.test(`${group}/${name}`));
    if (skip) {
      counts.skipped++;
      skippedFor.set(skip[1], (skippedFor.get(skip[1]) ?? 0) + 1);
      continue;
    }
    const problem = scope(() => runCase(join(suite, group, name)));
    if (problem === undefined) counts.passed++;
    else counts.failed++;
    if (problem !== undefined || options.verbose) console.log(`${name}: ${problem ?? "passed"}`);
  }
}
for (const [reason, count] of skippedFor) console.log(`skipped ${count}: ${reason}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);

/**
 * Runs all data sets of a case; returns what is wrong.
 * @param {string} folder
 */
function runCase(folder) {
  try {
    const graph = parseModel(readFileSync(join(folder, "model.onnx")));
    const network = new Network(graph);
    const sets = readdirSync(folder).filter((name) => name.startsWith("test_data_set_"));
    for (const set of sets) {
      const read = (/** @type {string} */ kind, /** @type {number} */ index) =>
        readTensor(readFileSync(join(folder, set, `${kind}_${index}.pb`)));
      const inputs = graph.inputs.map(({ name }, index) => [name, toTensor(read("input", index))]);
      const outputs = inferenceMode(() => network.forward(Object.fromEntries(inputs)));
      for (const [index, { name }] of graph.outputs.entries()) {
        const expected = read("output", index);
        const actual = outputs[name];
        if (!actual) return `no output "${name}"`;
        if (String(actual.shape) !== String(expected.shape)) {
          return `"${name}" is [${actual.shape}], expected [${expected.shape}]`;
        }
        const problem = compare(actual.numbers(), toNumbers(expected));
        if (problem) return `"${name}": ${problem}`;
        if (!sameType(actual.dtype, expected.dtype)) {
          return `"${name}" is ${actual.dtype}, expected ${expected.dtype}`;
        }
      }
    }
    network.dispose();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
  }
}

/** @param {import("../dist/graph/graph.js").TensorData} data */
function toTensor(data) {
  if (data.dtype === "float16" || data.dtype === "bfloat16") {
    return tensor(toNumbers(data), { shape: data.shape });
  }
  if (data.dtype.startsWith("uint") && data.dtype !== "uint8") {
    throw new TypeError(`libtorch has no tensors of type ${data.dtype}`);
  }
  const dtype = /** @type {import("../dist/torch/index.js").DType} */ (data.dtype);
  return fromBytes(data.data, { dtype, shape: data.shape });
}

/**
 * 16-bit floats are computed with in 32 bits.
 * @param {string} actual
 * @param {string} expected
 */
function sameType(actual, expected) {
  return actual === expected || (actual === "float32" && /^b?float16$/.test(expected));
}

/**
 * @param {readonly number[]} actual
 * @param {readonly number[]} expected
 */
function compare(actual, expected) {
  for (const [index, want] of expected.entries()) {
    const got = actual[index] ?? Number.NaN;
    if (Object.is(got, want) || got === want || (Number.isNaN(got) && Number.isNaN(want))) continue;
    if (!(Math.abs(got - want) <= absoluteTolerance + relativeTolerance * Math.abs(want))) {
      return `element ${index} is ${got}, expected ${want}`;
    }
  }
  return undefined;
}
