// Compares the engine with ONNX Runtime on every ONNX file of some folders, and prints a table.
//
//     npm run exports -- DIR... [--out FILE] [--batch N]
//
// --out writes records such as those of records/exports.jsonl. The difference is the largest absolute one over
// the largest absolute output of ONNX Runtime. Contrast is how much the outputs of two images differ, in the
// same unit: a network whose answer hardly depends on the image (random weights can do that) would prove little, and
// fails. One that takes a single image at once has none.
import { readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { Network } from "../src/engine/index.ts";
import { fromFloat32 } from "../src/graph/tensorData.ts";
import { readModel } from "../src/onnx/index.ts";
import { OnnxSession } from "../src/runtime/index.ts";
import { inferenceMode, libtorchVersion, scope, tensor } from "../src/torch/index.ts";
import { compareOutputs, tolerance, verdict } from "./exports/compare.ts";

const { values: options, positionals } = parseArgs({
  options: { out: { type: "string" }, batch: { type: "string", default: "2" } },
  allowPositionals: true,
});
if (positionals.length === 0)
  throw new Error("expected folders of ONNX files: DIR... [--out FILE] [--batch N]");

interface Row {
  readonly passed: boolean;
  readonly difference?: number;
  readonly contrast?: number;
  readonly problem?: string;
}

const rows: (Row & { readonly file: string })[] = [];
const paths = positionals.flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".onnx"))
    .sort()
    .map((file) => join(folder, file)),
);
for (const path of paths) {
  const row = await check(path);
  rows.push({ file: basename(path), ...row });
  const result =
    row.problem ??
    `${row.difference?.toExponential(1)}  contrast ${row.contrast?.toFixed(3) ?? "of one image: none"}`;
  console.log(`${row.passed ? "ok    " : "FAILED"} ${basename(path).padEnd(60)} ${result}`);
}
if (options.out) {
  const common = { libtorch: libtorchVersion(), tolerance };
  const records = rows.map(({ file, ...row }) => ({
    series: "exports",
    name: basename(file, ".onnx"),
    ...common,
    ...row,
  }));
  writeFileSync(options.out, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}
const failed = rows.filter(({ passed }) => !passed).length;
console.log(`${rows.length - failed} agree, ${failed} do not`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(path: string): Promise<Row> {
  try {
    const graph = await readModel(path);
    const [first] = graph.inputs;
    const input = first!.name;
    const shape = first!.shape!.map((size) =>
      typeof size === "number" ? size : Number(options.batch),
    );
    const values = waves(shape);
    const network = new Network(graph);
    const actual = scope(() =>
      inferenceMode(() => {
        const outputs = network.forward({ [input]: tensor(values, { shape }) });
        return Object.entries(outputs).map(([name, output]) => [name, output.numbers()] as const);
      }),
    );
    network.dispose();
    const session = await OnnxSession.open(path);
    const expected = await session.run({ [input]: fromFloat32(shape, values) });
    await session.close();
    return verdict(
      actual.map(([name, numbers]) => compareOutputs(numbers, expected[name], shape[0]!)),
    );
  } catch (error) {
    return { passed: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Images with waves of their own and noise: the same on every machine. */
function waves(shape: readonly number[]): Float32Array {
  const [batch = 1, ...rest] = shape;
  const size = rest.reduce((a, b) => a * b, 1);
  const width = rest.at(-1) ?? 1;
  return Float32Array.from({ length: batch * size }, (_, i) => {
    const [image, position] = [Math.floor(i / size), i % size];
    const wave = Math.sin(
      (0.05 + 0.2 * image) * (position % width) + Math.floor(position / width) / 40,
    );
    return (1 - 2 * image) * wave + 0.3 * Math.sin(i * i * 0.37 + i * 1.7);
  });
}
