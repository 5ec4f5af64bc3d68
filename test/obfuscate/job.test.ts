// The main job from end to end, on an original that was trained a moment before.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { type Dataset, holdOut, loadData } from "../../src/data/index.ts";
import {
  DataError,
  DivergedError,
  GateError,
  InterruptedError,
  ModelError,
  UsageError,
} from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { countCost } from "../../src/graph/cost.ts";
import type { Dimension, Graph } from "../../src/graph/graph.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { referenceJob } from "../../src/jobs/index.ts";
import {
  type ObfuscateOptions,
  type ObfuscateSummary,
  obfuscationJob,
} from "../../src/obfuscate/index.ts";
import { writeExposure } from "../../src/obfuscate/writeExposure.ts";
import { encodeModel, readModel } from "../../src/onnx/index.ts";
import type { ProgressEvent } from "../../src/runs/index.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { idxFile } from "../cli/fixtures.ts";
import { failure } from "../failure.ts";
import { collectGarbage } from "../garbage.ts";
import { float32, node } from "../graph/graphs.ts";
import { metricsIn } from "../metrics.ts";
import { accuracyOf, classesOf, logitsOf } from "../train/accuracy.ts";
import { sha256, workshop } from "../workshop.ts";
import { writeData } from "./tiny.ts";

vi.mock(import("../../src/obfuscate/writeExposure.ts"), async (original) => ({
  writeExposure: vi.fn((await original()).writeExposure),
}));

const path = workshop();
const { start: obfuscate, resume } = obfuscationJob;
const normalization = { mean: [0.4], std: [0.3] };
const data = writeData(path("data"));
let model = "";
let images: Dataset;

beforeAll(async () => {
  images = (await loadData(data)).test;
  const trained = await referenceJob.start({
    architecture: "resnet8",
    data,
    epochs: 4,
    out: path("original"),
    batchSize: 16,
    threads: 1,
    precision: "f32",
    ...normalization,
  });
  model = trained.files.model;
});

function options(changes: Partial<ObfuscateOptions> = {}): ObfuscateOptions {
  return {
    model,
    data,
    depth: 4,
    epochs: 4,
    out: path(),
    batchSize: 16,
    threads: 1,
    precision: "f32",
    ...normalization,
    ...changes,
  };
}

const json = (file: string) => JSON.parse(readFileSync(file, "utf8"));

/** Hooks that stop a job once it has reported that many steps and epochs. */
function stopAfter(reports: number) {
  const controller = new AbortController();
  let count = 0;
  const onProgress = ({ type }: ProgressEvent) => {
    if (type === "step" && ++count === reports) controller.abort("SIGTERM");
  };
  return { signal: controller.signal, onProgress };
}

describe.each([
  ["direct", "f32", 0],
  ["recursive", "bf16", 7],
] as const)("%s simulation in %s", (simulation, precision, seed) => {
  let summary: ObfuscateSummary;
  const events: ProgressEvent[] = [];
  const live = new Map<string, Set<number>>();
  let left = 0;
  const recipe =
    simulation === "recursive"
      ? {
          tuneClassifier: 0.3,
          averageWeights: 0.2,
          mixup: 0.2,
        }
      : {
          tuneClassifier: 0,
          averageWeights: 0,
          mixup: 0,
        };
  const choices = { simulation, precision, seed, ...recipe };

  beforeAll(async () => {
    const before = await collectGarbage();
    const onProgress = (event: ProgressEvent) => {
      events.push(event);
      // What the first steps of a stage set up stays; after that nothing may be added.
      if (event.type !== "step" || event.step <= 8) return;
      live.set(event.stage, (live.get(event.stage) ?? new Set()).add(liveTensors()));
    };
    summary = await obfuscate(options(choices), { onProgress });
    left = liveTensors() - before;
  });

  test("gives a chain that answers as the original does", () => {
    expect(summary.original.accuracy).toBeGreaterThan(0.9);
    expect(summary.obfuscated.accuracy).toBeGreaterThan(0.9);
    expect(summary.verify.agreement).toBeGreaterThan(0.9);
    expect(summary.verify.maxRelDiff).toBeLessThan(1e-4);
  });

  test("tells the truth about both models", async () => {
    for (const [file, figures] of [
      [model, summary.original],
      [summary.files.model, summary.obfuscated],
    ] as const) {
      const graph = await readModel(file);
      const { parameters, macs } = countCost(
        graph,
        inferShapes(graph, new Map([["input", [1, 1, 8, 8]]])),
      );
      const convolutions = graph.nodes.filter(({ operator }) => operator === "Conv").length;
      expect(figures).toEqual({
        accuracy: await accuracyOf(file, images, normalization),
        accuracyInterval: [expect.any(Number), expect.any(Number)],
        parameters,
        macs,
        convolutions,
        bytes: statSync(file).size,
        latencyMs: { batch1: expect.any(Number), batch64: expect.any(Number) },
        sha256: sha256(file),
      });
      expect(figures.latencyMs.batch1).toBeGreaterThan(0);
      expect(figures.latencyMs.batch64).toBeGreaterThan(figures.latencyMs.batch1);
    }
    expect(summary.obfuscated.convolutions).toBe(4);
    const [first, second] = [
      await classesOf(model, images, normalization),
      await classesOf(summary.files.model, images, normalization),
    ];
    const agreeing = first.filter((each, i) => each === second[i]).length;
    expect(summary.verify.agreement).toBe(agreeing / first.length);
  });

  test("tells how far the logits are off, on test images and on those trained on", async () => {
    const centred = async (file: string, dataset: Dataset) =>
      (await logitsOf(file, dataset, normalization)).flatMap((row) => {
        const mean = row.reduce((sum, each) => sum + each) / row.length;
        return row.map((each) => each - mean);
      });
    const errorOn = async (dataset: Dataset) => {
      const [a, b] = [await centred(model, dataset), await centred(summary.files.model, dataset)];
      const squares = (values: number[]) => values.reduce((sum, each) => sum + each ** 2, 0);
      return squares(a.map((each, i) => each - b[i]!)) / squares(a);
    };
    const { train, test } = await loadData(data);
    expect(summary.verify.logitError).toBeCloseTo(await errorOn(test), 6);
    expect(summary.verify.trainingLogitError).toBeCloseTo(await errorOn(train), 6);
  });

  test("leaves a folder with everything that the run was", () => {
    const folder = dirname(summary.files.model);
    expect(readdirSync(folder).sort()).toEqual([
      ...["config.json", "exposure.json", "metrics.jsonl", "model.onnx", "predictions.json"],
      ...["report.html", "report.json", "summary.json"],
    ]);
    expect(json(summary.files.summary)).toEqual(summary);
    expect(json(summary.files.config)).toMatchObject({
      job: "obfuscate",
      identity: { model: sha256(model), data: expect.stringMatching(/^[0-9a-f]{64}$/) },
      description: {
        data: { training: 128, test: 64, shape: [1, 8, 8], classes: 4 },
        boundary: { tensor: expect.any(String), shape: expect.any(Array) },
        plan: { layers: expect.any(Array), input: [1, 8, 8], macs: expect.any(Number) },
      },
      versions: { node: process.versions.node, libtorch: expect.any(String) },
      options: {
        model,
        data,
        depth: 4,
        epochs: 4,
        batchSize: 16,
        threads: 1,
        crop: 1,
        flip: false,
        device: "cpu",
        checkpointSeconds: 60,
        ...choices,
        ...normalization,
        optimizer: "muon",
        holdOut: 0,
        labelSmoothing: 0,
        temperature: 4,
        featureWeight: 1,
        labelWeight: 0.5,
        distillationWeight: 1,
      },
    });
    expect(summary).toMatchObject({ depth: 4, epochs: 4, seed, device: "cpu", precision });
    expect(summary.seconds).toBeGreaterThan(0);
  });

  test("logs what logits are multiplied by, then every epoch of every stage with its losses", () => {
    const [calibrated, ...epochs] = metricsIn(summary.files.metrics);
    expect(calibrated).toEqual({ calibration: expect.any(Number) });
    const lines = epochs as { stage: string; epoch: number; losses: object }[];
    const told = events.filter(({ type }) => type === "epoch");
    expect(told).toMatchObject(lines);
    const root = lines.filter(({ stage }) => stage === "chain");
    expect(root.at(-1)?.epoch).toBe(4);
    for (const { losses } of root) {
      const names = ["distillation", "feature", "label", "loss"];
      expect(Object.keys(losses).sort()).toEqual(names);
    }
    const stages = new Set(lines.map(({ stage }) => stage));
    expect(stages.size > 1).toBe(simulation === "recursive");
  });

  test("leaves no tensor behind, in a step or at the end", () => {
    expect([...live.keys()]).toContain("chain");
    // Sums of losses are there within an epoch and not at its end.
    for (const counts of live.values()) expect(counts.size).toBeLessThanOrEqual(2);
    expect(left).toBe(0);
  });

  test("gives its summary again when it is resumed", async () => {
    const folder = dirname(summary.files.model);
    expect(await resume(folder)).toEqual(summary);
    expect(await resume(relative(process.cwd(), folder))).toEqual(summary);
  });

  test.each([1, 3, 5])(
    "stopped at its report %d and resumed gives the same file",
    async (report) => {
      const out = path();
      const before = await collectGarbage();
      const error = await failure(obfuscate(options({ ...choices, out }), stopAfter(report)));
      expect(error).toBeInstanceOf(InterruptedError);
      expect(error.message).toContain(`node bin/deepobf.js resume ${out}`);
      expect(liveTensors()).toBe(before);
      expect(existsSync(join(out, "checkpoints"))).toBe(true);

      const again = await failure(resume(out, stopAfter(1)));
      expect(again).toBeInstanceOf(InterruptedError);
      const resumed = await resume(out);
      expect(sha256(resumed.files.model)).toBe(summary.obfuscated.sha256);
      expect(metricsIn(resumed.files.metrics)).toEqual(metricsIn(summary.files.metrics));
      const { seconds, peakMemoryBytes, files, original, obfuscated, ...rest } = resumed;
      expect(summary).toMatchObject(rest);
      expect(obfuscated.accuracy).toBe(summary.obfuscated.accuracy);
      expect(files.model).toBe(join(out, "model.onnx"));
      expect(readdirSync(out).sort()).toEqual(readdirSync(dirname(summary.files.model)).sort());
    },
  );
});

describe("resuming", () => {
  test("finds model and data from another folder, and refuses another original", async () => {
    const [folder, here] = [path(), process.cwd()];
    mkdirSync(folder);
    writeFileSync(join(folder, "m.onnx"), readFileSync(model));
    writeData(join(folder, "d"));
    const relatives = { model: "m.onnx", data: "idx:d", out: "run" };
    process.chdir(folder);
    const stopping = obfuscate(options(relatives), stopAfter(1));
    const error = await failure(stopping);
    process.chdir(here);
    expect(error).toBeInstanceOf(InterruptedError);
    const run = join(folder, "run");
    expect(json(join(run, "config.json")).options).toMatchObject({
      model: join(folder, "m.onnx"),
      data: `idx:${join(folder, "d")}`,
    });

    renameSync(join(folder, "d"), join(folder, "away"));
    expect(await failure(resume(run))).toBeInstanceOf(DataError);
    renameSync(join(folder, "away"), join(folder, "d"));

    // The same network in another file: a field that readers skip.
    appendFileSync(join(folder, "m.onnx"), Uint8Array.of(0x32, 0x01, 0x78));
    const changed = await failure(resume(run));
    expect(changed).toBeInstanceOf(ModelError);
    expect(changed.message).toMatch(/the model \(SHA-256.*expected [0-9a-f]{64}, found/);

    writeFileSync(join(folder, "m.onnx"), readFileSync(model));
    const summary = await resume(run);
    expect(sha256(summary.files.model)).toBe(summary.obfuscated.sha256);
  });

  test("refuses what is no run of this job", async () => {
    expect(await failure(resume(path()))).toBeInstanceOf(UsageError);
    expect((await failure(resume(path("original")))).message).toMatch(
      /"train", not of "obfuscate"/,
    );
  });
});

test("a job that is stopped while it looks at the model says so, whatever is wrong with the data", async () => {
  const work = obfuscate(options({ data: "idx:nowhere" }), { signal: AbortSignal.abort("SIGINT") });
  expect(await failure(work)).toMatchObject({ name: "InterruptedError", exitCode: 130 });
});

test("a job that is stopped while it verifies has nothing left to train", async () => {
  const [out, controller] = [path(), new AbortController()];
  const onProgress = (event: ProgressEvent) => {
    if (event.type === "phase" && event.phase === "verify") controller.abort();
  };
  const stopping = obfuscate(options({ out, epochs: 1 }), {
    signal: controller.signal,
    onProgress,
  });
  expect(await failure(stopping)).toBeInstanceOf(InterruptedError);
  const events: ProgressEvent[] = [];
  const { files } = await resume(out, { onProgress: (event) => events.push(event) });
  expect(events.map(({ type }) => type)).not.toContain("step");
  expect(metricsIn(files.metrics).at(-1)).toMatchObject({ stage: "chain", epoch: 1 });
  expect(metricsIn(files.metrics)).toHaveLength(2); // the first tells the calibration
});

test("a job is stopped between the parts of its verification, too", async () => {
  const out = path();
  const controller = new AbortController();
  const isVerified = { get: () => existsSync(join(out, "predictions.json")) };
  const signal = Object.defineProperty(controller.signal, "aborted", isVerified);
  const stopping = obfuscate(options({ out, epochs: 1 }), { signal });
  expect(await failure(stopping)).toBeInstanceOf(InterruptedError);
  expect(readdirSync(out)).not.toContain("exposure.json");
});

test("a job that lacks memory to compare both files' layers notes it and ends well", async () => {
  const reason = new Error("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes");
  vi.mocked(writeExposure).mockRejectedValueOnce(reason);
  const notes: string[] = [];
  const onProgress = (event: ProgressEvent) =>
    void (event.type === "note" && notes.push(event.text));
  const { files } = await obfuscate(options({ epochs: 1 }), { onProgress });
  expect(existsSync(files.model)).toBe(true);
  expect(notes).toContain("what the file tells of the original was not measured: memory ran out");
});

test("with images held out, both models are judged by them", async () => {
  const folder = path();
  const misleading = writeData(folder);
  writeFileSync(join(folder, "t10k-labels-idx1-ubyte"), idxFile([64], new Uint8Array(64)));
  const { original, obfuscated, files } = await obfuscate(
    options({ data: misleading, epochs: 1, holdOut: 48 }),
  );
  const { test: held } = holdOut(await loadData(data), 48);
  expect(original.accuracy).toBeGreaterThan(0.9);
  expect(original.accuracy).toBe(await accuracyOf(model, held, normalization));
  expect(obfuscated.accuracy).toBe(await accuracyOf(files.model, held, normalization));
});

test("images that are learned from and judged by are told of in the results", async () => {
  const folder = path();
  const repeated = writeData(folder);
  for (const kind of ["images-idx3", "labels-idx1"]) {
    copyFileSync(join(folder, `train-${kind}-ubyte`), join(folder, `t10k-${kind}-ubyte`));
  }
  const { warnings, verify } = await obfuscate(options({ data: repeated, epochs: 1 }));
  const told = `${verify.samples} of the ${verify.samples} images to judge by are learned from, too`;
  expect(warnings).toContainEqual(expect.stringContaining(told));
});

describe("gates", () => {
  test("that are missed are told with numbers, after everything is written, and told again", async () => {
    const gates = { minAccuracy: 1.5, maxAccuracyDrop: -1, maxLatencyRatio: 1e-6 };
    const out = path();
    const error = await failure(obfuscate(options({ epochs: 1, out, ...gates })));
    expect(error).toBeInstanceOf(GateError);
    expect((error as GateError).exitCode).toBe(7);
    const summary: ObfuscateSummary = json(join(out, "summary.json"));
    expect(sha256(join(out, "model.onnx"))).toBe(summary.obfuscated.sha256);
    const { original, obfuscated } = summary;
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
    for (const words of [
      `--min-accuracy: ${percent(obfuscated.accuracy)} is below 150.00 %`,
      `--max-accuracy-drop: ${percent(original.accuracy - obfuscated.accuracy)} is more than -100.00 %`,
      `${(obfuscated.latencyMs.batch1 / original.latencyMs.batch1).toFixed(3)} at batch1 is more than 0.000001`,
      `${(obfuscated.latencyMs.batch64 / original.latencyMs.batch64).toFixed(3)} at batch64`,
      join(out, "summary.json"),
    ]) {
      expect(error.message).toContain(words);
    }
    expect((await failure(resume(out))).message).toBe(error.message);
  });
});

/** A small original of other kinds than the trained one. */
function other(
  changes: { batch?: Dimension; opset?: number; classes?: number; head?: "norm" | "none" } = {},
): Graph {
  const { batch = "N", opset = 17, classes = 4, head } = changes;
  const build = new GraphBuilder({ seed: 1, opset });
  const image = build.input("image", [batch, 1, 8, 8]);
  const conv = build.conv(image, { name: "a", outputs: 6, kernel: 3, padding: 1 });
  const middle = build.relu(build.batchNorm(conv, { name: "n" }));
  const features = build.relu(build.conv(middle, { name: "b", outputs: 8, kernel: 3, stride: 2 }));
  if (head === "none") {
    build.output(features, "map");
    return build.build();
  }
  const flat = build.flatten(features);
  const input = head === "norm" ? build.batchNorm(flat, { name: "headNorm" }) : flat;
  build.output(build.linear(input, { name: "c", outputs: classes }), "logits");
  return build.build();
}

/** Says the class by scores that are whole numbers in its file. */
function otherInIntegers(): Graph {
  const graph = other();
  const scale = fromNumbers("float32", [], [0.01]);
  const zero = fromNumbers("uint8", [], [128]);
  return {
    ...graph,
    initializers: new Map([...graph.initializers, ["scale", scale], ["zero", zero]]),
    nodes: [
      ...graph.nodes,
      node("QuantizeLinear", ["logits", "scale", "zero"], "scores"),
      node("ArgMax", ["scores"], "class", { axis: 1 }),
    ],
    outputs: [{ name: "class", dtype: "int64", shape: undefined }],
  };
}

function written(graph: Graph): string {
  const file = path();
  writeFileSync(file, encodeModel(graph));
  return file;
}

describe("originals of other kinds", () => {
  test.each([
    ["a fixed batch size and an odd size at the boundary", other({ batch: 2 })],
    ["opset 9 and batch norm in the classifier", other({ opset: 9, head: "norm" })],
    ["opset 21", other({ opset: 21 })],
    ["whole numbers for scores", otherInIntegers()],
  ])("work: %s", async (_, graph) => {
    const file = written(graph);
    const { files, obfuscated, verify, warnings } = await obfuscate(
      options({ model: file, epochs: 1, depth: 3, acceptOriginal: true }),
    );
    const isOfOneBatch = warnings.some((text) => text.includes("takes 2 images at once"));
    expect(isOfOneBatch).toBe(graph.inputs[0]!.shape![0] === 2);
    const isStandIn = warnings.some((text) => text.includes("of the graph in float32"));
    expect(isStandIn).toBe(graph.outputs[0]!.dtype === "int64");
    expect(obfuscated.convolutions).toBe(3);
    expect(verify.maxRelDiff).toBeLessThan(1e-4);
    expect(await accuracyOf(files.model, images, normalization)).toBe(obfuscated.accuracy);
  });
});

test("an original that gives no numbers is refused before anything is written", async () => {
  const graph = other();
  const damaged = float32([6, 1, 3, 3]).data.fill(0xff); // NaN
  const weight = { ...graph.initializers.get("a.weight")!, data: damaged };
  const initializers = new Map([...graph.initializers, ["a.weight", weight] as const]);
  const out = path();
  const error = await failure(
    obfuscate(options({ model: written({ ...graph, initializers }), out })),
  );
  expect(error).toBeInstanceOf(ModelError);
  expect(error.message).toMatch(/gives NaN for image 0 .*weights are damaged/);
  expect(existsSync(out)).toBe(false);
});

test("a training that diverges whatever its rate ends the run, which keeps its start alone", async () => {
  const out = path();
  const job = options({ out, featureWeight: 1e300, checkpointSeconds: 0 });
  for (const work of [() => obfuscate(job), () => resume(out)]) {
    const error = await failure(work());
    expect(error).toBeInstanceOf(DivergedError);
    expect(error.message).toMatch(
      /stage "chain" by step 1 of 32: loss = Infinity.*--mean.*Half the learning rate, 3 times, was no help/,
    );
  }
  expect(readdirSync(out)).toEqual(["checkpoints", "config.json", "metrics.jsonl"]);
});

test("an original that was shown other images than it learned from is refused with what explains it", async () => {
  const out = path();
  const error = await failure(obfuscate(options({ out, mean: [-3], std: [0.01] })));
  expect(error).toBeInstanceOf(DataError);
  expect(error.message).toMatch(
    /is right on .* of 64 images to judge by, .*--accept-original goes on/,
  );
  expect(existsSync(out)).toBe(false);
});

describe("what is wrong is told before a folder is made", () => {
  const truncated = () => {
    const file = path();
    writeFileSync(file, readFileSync(model).subarray(0, 1000));
    return file;
  };
  const cases: Record<
    string,
    [() => Partial<ObfuscateOptions>, new (message: string) => Error, RegExp[]]
  > = {
    "depth 0": [() => ({ depth: 0 }), UsageError, [/--depth/, /received 0/]],
    "depth 1": [() => ({ depth: 1 }), UsageError, [/--depth/]],
    "depth 9 for 8 pixels": [() => ({ depth: 9 }), UsageError, [/from 2 to 8/]],
    "no epochs": [() => ({ epochs: 0 }), UsageError, [/--epochs/]],
    "a cost that no chain has": [() => ({ maxMacs: 10 }), UsageError, [/--max-macs/]],
    "a crop larger than the images": [() => ({ crop: 9 }), UsageError, [/0 to 7 pixels/]],
    "a batch larger than the data": [() => ({ batchSize: 129 }), UsageError, [/1 to 128/]],
    "all images held out": [() => ({ holdOut: 128 }), UsageError, [/--hold-out: .*0 to 127/]],
    "three means": [() => ({ mean: [0, 0, 0] }), UsageError, [/^--mean: expected 1 number, one/]],
    "minutes beside epochs, before the model is read": [
      () => ({ model: "/nowhere.onnx", minutes: 1, epochs: 2 }),
      UsageError,
      [/^--minutes: expected in place of --epochs, received both$/],
    ],
    "a temperature of no distillation, before the model is read": [
      () => ({ model: "/nowhere.onnx", distillationWeight: 0, temperature: 2 }),
      UsageError,
      [/^--temperature: expected a --distillation-weight above 0/],
    ],
    "a classifier that learns by nothing, before the model is read": [
      () => ({
        model: "/nowhere.onnx",
        labelWeight: 0,
        distillationWeight: 0,
        tuneClassifier: 0.5,
      }),
      UsageError,
      [/^--tune-classifier: expected a --label-weight or/],
    ],
    "a device that is none": [() => ({ device: "tpu" }), UsageError, [/--device/]],
    "a boundary that is none": [() => ({ boundary: "nowhere" }), ModelError, [/"nowhere"/]],
    "no classifier": [
      () => ({ model: written(other({ head: "none" })) }),
      ModelError,
      [/expected a classifier, whose output is \[batch, classes\]/],
    ],
    "fewer outputs than labels": [
      () => ({ model: written(other({ classes: 3 })) }),
      DataError,
      [/labels up to 3/, /only 3 outputs/],
    ],
    "images of another size": [
      () => ({ data: writeData(path(), { size: 12 }) }),
      DataError,
      [/1×8×8/, /1×12×12/],
    ],
    "a damaged model and missing data": [
      () => ({ model: truncated(), data: "idx:/nowhere" }),
      ModelError,
      [/cut short|truncated|ends|damaged|malformed|not an ONNX/i, /nowhere/],
    ],
    "a missing model, missing data and a device that is none": [
      () => ({ model: "/nowhere.onnx", data: "idx:/nowhere/data", device: "tpu" }),
      UsageError,
      [/nowhere\.onnx/, /nowhere\/data/, /--device/],
    ],
  };

  test.each(Object.entries(cases))("%s", async (_, [changes, kind, messages]) => {
    const out = path();
    const error = await failure(obfuscate(options({ out, ...changes() })));
    expect(error).toBeInstanceOf(kind);
    for (const message of messages) expect(error.message).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  test("an existing folder", async () => {
    const out = path();
    mkdirSync(out);
    expect(await failure(obfuscate(options({ out })))).toBeInstanceOf(UsageError);
    expect(readdirSync(out)).toEqual([]);
  });
});
