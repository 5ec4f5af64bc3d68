// Compares the engine with ONNX Runtime on every ONNX file of a folder, and prints a table.
//
//     node scripts/check-exports.mjs DIR [--json FILE] [--batch N]
//
// The difference is the largest absolute one over the largest absolute output of ONNX Runtime.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Network } from "../dist/engine/index.js";
import { inputShape } from "../dist/graph/shapes.js";
import { fromFloat32, toFloat32 } from "../dist/graph/tensorData.js";
import { readModel } from "../dist/onnx/index.js";
import { OnnxSession } from "../dist/runtime/index.js";
import { inferenceMode, libtorchVersion, scope, tensor } from "../dist/torch/index.js";

const tolerance = 1e-4;
const { values: options, positionals } = parseArgs({
  options: { json: { type: "string" }, batch: { type: "string", default: "2" } },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) throw new Error("usage: check-exports.mjs DIR [--json FILE] [--batch N]");

const rows = [];
for (const name of readdirSync(folder)
  .filter((file) => file.endsWith(".onnx"))
  .sort()) {
  const row = await check(join(folder, name));
  rows.push({ file: name, ...row });
  const result = row.problem ?? `${row.difference?.toExponential(1)}`;
  console.log(`${row.passed ? "ok    " : "FAILED"} ${name.padEnd(60)} ${result}`);
}
if (options.json) {
  const report = { libtorch: libtorchVersion(), tolerance, files: rows };
  writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
}
const failed = rows.filter(({ passed }) => !passed).length;
console.log(`${rows.length - failed} agree, ${failed} do not`);
process.exit(failed === 0 ? 0 : 1);

/**
 * @param {string} path
 * @returns {Promise<{passed: boolean, difference?: number, problem?: string}>}
 */
async function check(path) {
  try {
    const graph = await readModel(path);
    const [input, declared] = inputShape(graph);
    const isDynamic = typeof graph.inputs[0]?.shape?.[0] === "string";
    const shape = isDynamic ? declared.with(0, Number(options.batch)) : declared;
    const values = pseudoRandom(shape.reduce((a, b) => a * b, 1));
    const network = new Network(graph);
    const actual = scope(() =>
      inferenceMode(() => {
        const outputs = network.forward({ [input]: tensor(values, { shape }) });
        return Object.entries(outputs).map(
          ([name, output]) => /** @type {const} */ ([name, output.numbers()]),
        );
      }),
    );
    network.dispose();
    const session = await OnnxSession.open(path);
    const expected = await session.run({ [input]: fromFloat32(shape, values) });
    await session.close();
    let difference = 0;
    for (const [name, numbers] of actual)
      difference = Math.max(difference, compare(numbers, expected[name]));
    return { passed: difference <= tolerance, difference };
  } catch (error) {
    return { passed: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {readonly number[]} actual
 * @param {import("../dist/graph/graph.js").TensorData | undefined} data
 */
function compare(actual, data) {
  if (!data) return Number.NaN;
  const expected = toFloat32(data);
  if (actual.length !== expected.length) return Number.NaN;
  let [largest, difference] = [0, 0];
  expected.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - (actual[index] ?? Number.NaN)));
  });
  return difference / largest;
}

/** @param {number} count */
function pseudoRandom(count) {
  // Sines of a growing angle: the same on every machine, in [-1, 1], without a pattern in space.
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * i * 0.37 + i * 1.7));
}
