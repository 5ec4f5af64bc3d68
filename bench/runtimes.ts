// An original and its shipped file in the runtimes that models are shipped to: whether they answer as ONNX
// Runtime for Node does, and how long one image takes, on one thread.
//   npm run bench:runtimes -- ORIGINAL SHIPPED [--python PATH] [--seconds 2]

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../src/averages.ts";
import { uniform } from "../src/graph/random.ts";
import { readModel } from "../src/onnx/index.ts";
import { type Answer, inNode, type Model, versionOf } from "./nativeRuntime.ts";
import { parseOptions, refuse } from "./options.ts";
import { peerScript } from "./python.ts";
import { inChromium, inNodeWeb, type WebAnswer, type WebTask } from "./webRuntime.ts";

/** What a runtime makes of a file; a text is the reason why it cannot run it. */
type Runtime = (model: Model) => Promise<Answer | string>;

const images = 8;
/** Of the largest logit, in float32. */
const tolerance = 1e-4;

const { values, positionals } = parseOptions({
  allowPositionals: true,
  options: {
    python: { type: "string", default: "python3" },
    seconds: { type: "string", default: "2" },
  },
});
if (positionals.length !== 2) {
  refuse("expected two model files: npm run bench:runtimes -- ORIGINAL SHIPPED");
}

const runtimes: Readonly<Record<string, Runtime>> = {
  "onnxruntime-node": inNode,
  "onnxruntime-web (WASM, Node)": inWeb(inNodeWeb),
  "onnxruntime-web (WASM, Chromium)": inWeb(inChromium),
  "onnxruntime (Python)": inPython("onnxruntime"),
  OpenVINO: inPython("openvino"),
  "ncnn, by pnnx": inPython("ncnn"),
  "TFLite, by onnx2tf": inPython("tflite"),
};

const models = await Promise.all(positionals.map(describe));
const rows = [["", "version", ...["original", "shipped"].flatMap((name) => [name, "ms"])]];
const expected: (Float32Array | undefined)[] = [];
for (const [name, run] of Object.entries(runtimes)) {
  const answers = [await run(models[0]!), await run(models[1]!)];
  const cells = answers.flatMap((answer, i) => {
    if (typeof answer === "string") return [answer, ""];
    expected[i] ??= Float32Array.from(answer.logits);
    return [verdict(answer.logits, expected[i]), answer.milliseconds.toFixed(3)];
  });
  const version = answers.map((answer) => (typeof answer === "string" ? "" : answer.version));
  rows.push([name, version.find(Boolean) ?? "", ...cells]);
}
console.log(rows.map((row) => `| ${row.join(" | ")} |`).join("\n"));

async function describe(path: string): Promise<Model> {
  const graph = await readModel(path);
  const [first] = graph.inputs;
  const input = first!.name;
  const shape = first!.shape!.map((size) => (typeof size === "number" ? size : images));
  const count = shape.reduce((product, size) => product * size, 1);
  const drawn = uniform({ seed: 0, name: "runtimes" }, count).map((u) => 4 * u - 2);
  return { path, input, shape, images: drawn, seconds: Number(values.seconds) };
}

/** Largest difference over the largest logit, and whether it is small enough. */
function verdict(logits: ArrayLike<number>, wanted: Float32Array): string {
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = wanted.reduce((most, value, i) => {
    const own = Math.abs(value - (logits[i] ?? Number.NaN));
    return Number.isNaN(own) ? Number.POSITIVE_INFINITY : Math.max(most, own);
  }, 0);
  const share = difference / largest;
  return `${share <= tolerance ? "alike" : "DIFFERS"} (${share.toExponential(0)})`;
}

function inWeb(run: (task: WebTask) => Promise<WebAnswer | string>): Runtime {
  return async ({ path, ...model }) => {
    const answer = await run({ ...model, model: path });
    if (typeof answer === "string") return answer;
    const version = versionOf("onnxruntime-web");
    return { version, logits: answer.logits, milliseconds: median(answer.times) };
  };
}

function inPython(runtime: string): Runtime {
  return async ({ path, shape, images, seconds }) => {
    const folder = mkdtempSync(join(tmpdir(), "deepobf-runtimes-"));
    try {
      const file = join(folder, "images");
      writeFileSync(file, images);
      const parameters = [peerScript("runtimes"), runtime, path, file, String(shape), seconds];
      const { status, stdout, stderr, error } = spawnSync(values.python, parameters.map(String), {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
      });
      if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1)!) as Answer;
      const reason = error?.message ?? stderr.trim().split("\n").at(-1) ?? "";
      return status === 2 ? `not installed: ${reason}` : `fails: ${reason}`;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}
