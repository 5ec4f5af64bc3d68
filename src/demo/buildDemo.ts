// The page on which both models of a run answer in the browser: the models, some test images, and ONNX Runtime's
// WebAssembly, as files that any web server can serve.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packageCommand } from "../../native/remedies.mjs";
import { type Dataset, holdOut, loadData, loadTestData, sampleOf } from "../data/index.ts";
import { DataError, ModelError, ResourceError } from "../errors.ts";
import { createDirectoryAtomically, ensureDirectory, writeFiles } from "../files.ts";
import { adoptModel } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { imageLayout, type Layout } from "../graph/layout.ts";
import { wrongFusions } from "../graph/rewrites.ts";
import { runIsolated, unwatched, type Watch } from "../isolate/run.ts";
import { compiledScript } from "../isolate/start.ts";
import { encodeModel, modelFileFacts, readModel } from "../onnx/index.ts";
import { isMissing } from "../report/missing.ts";
import { readOutcome } from "../report/readRun.ts";
import type { Config } from "../report/runForms.ts";
import { assertNew } from "../runs/index.ts";
import { escapeInvisible, fileName } from "../text.ts";
import type { DemoFacts, DemoModel } from "./facts.ts";
import { demoHtml } from "./page.ts";

/** Files by name. */
export type DemoFiles = ReadonlyMap<string, Uint8Array | string>;

const resolvePackage = createRequire(import.meta.url).resolve;

const mostImages = 100;
const roomForImages = 6e6;

/** Files of onnxruntime-web by their names on the page. WebGPU has a WebAssembly of its own, loaded where it is used. */
const runtimeFiles = {
  "ort.mjs": "ort.wasm.min.mjs",
  "ort.webgpu.mjs": "ort.webgpu.min.mjs",
  "ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
  "ort-wasm-simd-threaded.asyncify.mjs": "ort-wasm-simd-threaded.asyncify.mjs",
  "ort-wasm-simd-threaded.asyncify.wasm": "ort-wasm-simd-threaded.asyncify.wasm",
} as const;

const building = { module: "demo/buildDemo.js", name: "buildFiles" };
const readingSeconds = 60;

/**
 * The files of the page, made in a process of its own: models and images may be anybody's. Throws UsageError and DataError
 * where the folder is no finished run, or a model is another than the run's, ModelError where the original is gone or the
 * process does not survive, and ResourceError where onnxruntime-web is not installed.
 */
export function buildDemo(directory: string): Promise<DemoFiles> {
  return runIsolated(building, { options: { directory }, model: directory });
}

/** Does what buildDemo does, in this process. */
export async function buildFiles(
  { directory }: { readonly directory: string },
  { announce }: Watch = unwatched,
): Promise<DemoFiles> {
  const run = await readOutcome(directory);
  if (isMissing(run.summary)) throw new DataError(`${fileName(directory)}: ${run.summary.missing}`);
  const { options, description, identity } = run.config;
  const { shape } = description.data;
  announce("reading the models of", readingSeconds);
  assertPresent(options.model);
  await assertFile(options.model, identity.model, "the original that the run began with");
  const original = adoptModel(await readModel(options.model), {
    shape,
    name: fileName(options.model),
    output: options.output,
  });
  const shippedPath = join(run.directory, "model.onnx");
  await assertFile(shippedPath, run.summary.obfuscated.sha256, "the file that the run shipped");
  const shipped = await readModel(shippedPath);
  announce("reading the images of", Number.POSITIVE_INFINITY);
  const test = await testImagesOf(options, shape);
  const facts: DemoFacts = {
    name: run.name,
    shape,
    mean: options.mean,
    std: options.std,
    resize: options.resize ?? "crop",
    orientation: options.orientation ?? "apply",
    classes: test.classes ?? null,
    // The original as DeepObf reads it: in one file, channels first, its logits as the only output.
    original: modelFacts("original.onnx", original, "NCHW"),
    obfuscated: modelFacts("obfuscated.onnx", shipped, imageLayout(shipped)),
    images: await imagesOf(test),
  };
  const script = await readFile(compiledScript("#demo-script"));
  return new Map<string, Uint8Array | string>([
    ["index.html", demoHtml(facts)],
    ["demo.js", script],
    ["demo.json", JSON.stringify(facts)],
    ["original.onnx", encodeModel(original)],
    ["obfuscated.onnx", await readFile(shippedPath)],
    ...(await readRuntime()),
  ]);
}

function assertPresent(original: string): void {
  if (existsSync(original)) return;
  throw new ModelError(
    `${escapeInvisible(original)}, the original that the run began with, is no longer there (one that the library got ` +
      "as bytes goes once the run is done): put a copy of it there",
  );
}

/** Throws DataError where a file is not the one with this hash, so that the page shows the run's own models. */
async function assertFile(path: string, expected: string, what: string): Promise<void> {
  const { sha256 } = await modelFileFacts(path);
  if (sha256 === expected) return;
  throw new DataError(`${fileName(path)} is no longer ${what}: its SHA-256 differs`);
}

/** Writes the page as a folder. Throws UsageError where the folder exists, else as buildDemo does. */
export async function writeDemo(directory: string, out: string): Promise<void> {
  assertNew(out);
  const files = await buildDemo(directory);
  await ensureDirectory(dirname(out));
  await createDirectoryAtomically(out, (temporary) => writeFiles(temporary, files));
}

/** The images that the run was judged by: where it held some out, those. */
async function testImagesOf(
  options: Config["options"],
  shape: readonly number[],
): Promise<Dataset> {
  const reading = { ...options, shape } as object;
  if (!options.holdOut) return (await loadTestData(options.data, reading)).test;
  return holdOut(await loadData(options.data, reading), options.holdOut).test;
}

function modelFacts(file: string, graph: Graph, layout: Layout): DemoModel {
  const [input, output] = [graph.inputs[0]!.name, graph.outputs[0]!.name];
  return { file, input, output, layout, without: wrongFusions(graph) };
}

async function imagesOf(test: Dataset): Promise<DemoFacts["images"]> {
  const [channels, height, width] = test.shape;
  const fitting = Math.floor(roomForImages / (channels * height * width));
  const sample = sampleOf(test, Math.max(1, Math.min(mostImages, fitting)));
  const pixels = await sample.read(Int32Array.from({ length: sample.count }, (_, i) => i));
  const labels = sample.labels ? [...sample.labels] : null;
  const channelOrder = sample.channelOrder ?? "rgb";
  return {
    count: sample.count,
    channelOrder,
    pixels: Buffer.from(pixels).toString("base64"),
    labels,
  };
}

async function readRuntime(): Promise<[string, Uint8Array][]> {
  try {
    const folder = dirname(resolvePackage("onnxruntime-web/wasm"));
    const read = async (name: string, file: string): Promise<[string, Uint8Array]> => [
      name,
      await readFile(join(folder, file)),
    ];
    return await Promise.all(Object.entries(runtimeFiles).map(([name, file]) => read(name, file)));
  } catch (cause) {
    throw new ResourceError(
      `the browser's ONNX Runtime is missing: ${packageCommand("onnxruntime-web")}`,
      { cause },
    );
  }
}
