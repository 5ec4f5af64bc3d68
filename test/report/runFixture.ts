// The folder of a run as the job leaves it, without training: every figure is made up.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { sha256Of } from "../../src/files.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { randomBits } from "../../src/graph/random.ts";
import { residualModel } from "../cli/fixtures.ts";
import type { Workshop } from "../workshop.ts";

/** A PNG file of 48×48 pixels that no compression makes small, as photos are not, in base64. */
const png = noise(48);

function noise(size: number): string {
  const bits = randomBits({ seed: 1, name: "noise" }, size * (3 * size + 1));
  // A row begins with its filter, 0 for none.
  const rows = Uint8Array.from(bits, (value, i) => (i % (3 * size + 1) === 0 ? 0 : value));
  const chunk = (type: string, data: Uint8Array) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    return Buffer.concat([bigEndian(data.length), named, bigEndian(crc32(named))]);
  };
  const header = Buffer.concat([bigEndian(size), bigEndian(size), Buffer.of(8, 2, 0, 0, 0)]);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.of()),
  ];
  return Buffer.concat([signature, ...chunks]).toString("base64");
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface RunParts {
  readonly name: string;
  readonly classes: readonly string[];
  readonly stage: string;
  readonly epochs: number;
  readonly original: Graph;
  readonly shipped: Graph;
  /** In the notation of the command line. */
  readonly data: string;
  readonly channels: number;
  /** What has the SHA-256 of the data. */
  readonly dataContent: string;
  /** What has that of the images to judge by; older runs do not say it. */
  readonly testContent: string;
  /** Options of the command beside those that every run has. */
  readonly options: object;
}

/** Three convolutions in a row for images of 16×16 and four classes. */
export function chainModel(channels = 1): Graph {
  const build = new GraphBuilder({ seed: 2 });
  const image = build.input("image", ["N", channels, 16, 16]);
  const layer = (x: string, name: string, outputs: number, stride = 1) =>
    build.relu(build.conv(x, { name, outputs, kernel: 3, padding: 1, stride }));
  const features = layer(layer(layer(image, "a", 8), "b", 8), "c", 16, 2);
  const pooled = build.flatten(build.globalAveragePool(features));
  build.output(build.linear(pooled, { name: "d", outputs: 4 }), "logits");
  return build.build();
}

/** Eight answers of two models that differ on the images 1, 2 and 6. */
export function predictionsOf(classes: readonly string[]) {
  return {
    format: 1,
    classes,
    labels: [0, 0, 1, 1, 2, 2, 3, 3],
    original: { classes: [0, 0, 1, 1, 2, 2, 3, 3], confidences: Array(8).fill(0.9) },
    obfuscated: { classes: [0, 1, 0, 1, 2, 2, 1, 3], confidences: Array(8).fill(0.8) },
    apart: [0.1, 0.7, 0.6, 0.1, 0.1, 0.1, 0.9, 0.1],
    thumbnails: [6, 1, 2].map((place) => ({ place, png })),
  };
}

/** Writes such a folder and gives its path. */
export function writeRun(file: Workshop, parts: Partial<RunParts> = {}): string {
  const { classes = ["ankle boot", "bag", "coat", "dress"], stage = "chain", epochs = 3 } = parts;
  const { name = "run", original = residualModel(), data = "idx:/data", channels = 1 } = parts;
  const model = file(`${name}.original.onnx`, original);
  const shipped = file(`${name}/model.onnx`, parts.shipped ?? chainModel(channels));
  const predictions = JSON.stringify(predictionsOf(classes));
  file(`${name}/predictions.json`, predictions);
  const hash = (path: string) => sha256Of(readFileSync(path));
  const figures = (accuracy: number, convolutions: number, time: number) => ({
    accuracy,
    accuracyInterval: [accuracy - 0.1, Math.min(1, accuracy + 0.1)],
    parameters: 4000,
    macs: 600_000,
    convolutions,
    bytes: 20_000,
    latencyMs: { batch1: time, batch64: 40 * time },
  });
  const summary = {
    original: { ...figures(0.9, 4, 0.2), sha256: hash(model) },
    obfuscated: { ...figures(0.875, 3, 0.1), sha256: hash(shipped) },
    verify: {
      maxAbsDiff: 1e-6,
      maxRelDiff: 1e-7,
      samples: 8,
      agreement: 0.625,
      paired: { onlyFirst: 3, onlySecond: 0, pValue: 0.25 },
      logitError: 0.05,
      trainingLogitError: 0.04,
      maxAbsDiffToOriginal: 2,
      predictionsSha256: sha256Of(predictions),
    },
    depth: 3,
    warnings: [],
    epochs,
    seed: 0,
    device: "cpu",
    precision: "f32",
    seconds: 12,
    peakMemoryBytes: 300_000_000,
    versions: { node: "20.19.0", libtorch: "1.13.0" },
  };
  const config = {
    job: "obfuscate",
    options: {
      model,
      data,
      depth: 3,
      epochs,
      learningRate: 0.2,
      seed: 0,
      checkpointSeconds: 60,
      mean: [0.5],
      std: [0.25],
      ...parts.options,
    },
    identity: { model: hash(model), data: sha256Of(parts.dataContent ?? "data") },
    description: {
      data: { training: 64, test: 8, shape: [channels, 16, 16], classes: 4 },
      ...(parts.testContent && { testSha256: sha256Of(parts.testContent) }),
      boundary: boundaryOf(original),
    },
    versions: summary.versions,
  };
  const lines = Array.from({ length: epochs }, (_, i) => ({
    stage,
    epoch: i + 1,
    epochs,
    imagesPerSecond: 800 + i,
    seconds: 2,
    losses: { feature: 1 / (i + 1), label: 2 / (i + 1), loss: 3 / (i + 1) },
    rate: 1 - (i + 1) / epochs,
  }));
  file(`${name}/summary.json`, JSON.stringify(summary));
  file(`${name}/config.json`, JSON.stringify(config));
  const records = [{ calibration: 0.2 }, ...lines].map((line) => `${JSON.stringify(line)}\n`);
  file(`${name}/metrics.jsonl`, records.join(""));
  return file(name);
}

function boundaryOf(original: Graph) {
  const pooling = original.nodes.find(({ operator }) => operator === "GlobalAveragePool");
  return { tensor: pooling!.inputs[0]!, shape: [1, 16, 8, 8] };
}

/** What a JSON file of a run holds. */
export function readPart(run: string, name: string) {
  return JSON.parse(readFileSync(join(run, name), "utf8"));
}

/** A model whose names are an attack on whoever shows them. */
export function hostileModel(): Graph {
  const renamed = new Map<string, string>();
  // The fourth holds control characters, which no file can have been written with.
  const rename = (name: string) => {
    if (name === "") return name;
    if (!renamed.has(name)) renamed.set(name, `${hostileNames[renamed.size % 3]}${renamed.size}`);
    return renamed.get(name)!;
  };
  const graph = residualModel();
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, name: rename(input.name) })),
    outputs: graph.outputs.map((output) => ({ ...output, name: rename(output.name) })),
    nodes: graph.nodes.map((node) => ({
      ...node,
      name: rename(node.name),
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
    initializers: new Map([...graph.initializers].map(([name, value]) => [rename(name), value])),
  };
}

export const hostileNames = [
  "<script>window.attacked = true</script>",
  '"><img src=x onerror="window.attacked = true">',
  "javascript:window.attacked=true",
  "\u001b[2J\u202e\u2066 reversed",
] as const;
