// The transfer attack from end to end, on networks and images of a few kilobytes.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type AttackOptions, type AttackSummary, attackJob } from "../../src/attack/index.ts";
import { assertRelated } from "../../src/attack/relation.ts";
import { loadData } from "../../src/data/index.ts";
import { DataError, InterruptedError, ModelError, UsageError } from "../../src/errors.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { normal } from "../../src/graph/random.ts";
import { fromFloat32, toFloat32 } from "../../src/graph/tensorData.ts";
import { givenOptions } from "../../src/library/options.ts";
import { resnet } from "../../src/models/index.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import type { ProgressEvent } from "../../src/runs/index.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { idxFile } from "../cli/fixtures.ts";
import { writeData, writeFiles } from "../obfuscate/tiny.ts";
import { accuracyOf } from "../train/accuracy.ts";
import { sha256, workshop } from "../workshop.ts";
import { chain, folded } from "./pair.ts";

const path = workshop();
const data = writeData(path("data"), { train: 80, test: 40 });
const model = path("shipped.onnx", chain);
const original = path("original.onnx", folded);
const normalization = { mean: [0.4], std: [0.3] };

/** A network with other biases in its last layer. */
function withBiases(graph: Graph, bias: number[]): Graph {
  const name = graph.nodes.find(({ operator }) => operator === "Gemm")!.inputs[2]!;
  const initializers = new Map(graph.initializers);
  initializers.set(name, fromFloat32([bias.length], Float32Array.from(bias)));
  return { ...graph, initializers };
}

/** The last layer's weights moved by this share of their size. */
function tuned(graph: Graph, share: number): Graph {
  const name = graph.nodes.find(({ operator }) => operator === "Gemm")!.inputs[1]!;
  const weight = graph.initializers.get(name)!;
  const values = toFloat32(weight);
  const size = Math.hypot(...values) / Math.sqrt(values.length);
  const moves = normal({ seed: 1, name: "tuned" }, values.length);
  const moved = values.map((value, i) => value + share * size * moves[i]!);
  return {
    ...graph,
    initializers: new Map(graph.initializers).set(name, fromFloat32(weight.shape, moved)),
  };
}

/** A network of two outputs with these biases. */
function binary(bias: number[]): Graph {
  const graph = resnet({ depth: 8, widths: [4, 8, 16], shape: [1, 8, 8], classes: 2 });
  return withBiases(graph, bias);
}

function options(changes: Partial<AttackOptions> = {}): AttackOptions {
  return {
    model,
    original,
    data,
    kind: "transfer",
    out: path(),
    ...normalization,
    budgets: [0.5],
    seeds: 2,
    epochs: 6,
    threads: 1,
    precision: "f32",
    ...changes,
  };
}

const trialsIn = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .flatMap((line) => JSON.parse(line).trial ?? []);

/** How many trials of a round of two methods go on: the two best, and the other method's best where both are of one. */
function goingOn(round: ReturnType<typeof trialsIn>): number {
  const [best, next] = [...round].sort(
    ({ result: a }, { result: b }) => b.accuracy - a.accuracy || a.crossEntropy - b.crossEntropy,
  );
  return best.method === next.method ? 3 : 2;
}

describe("a transfer attack", () => {
  const grid = { methods: ["initFC-all", "initFC-FC"], learningRates: [0.01, 0.05] };
  const asked = options({ ...grid, optimizers: ["sgd"] });
  let summary: AttackSummary;
  let left = 0;
  /** Of each training by its name, which the search gives several. */
  const steps = new Set<string>();

  beforeAll(async () => {
    const before = liveTensors();
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "step") steps.add(`${event.stage}: ${event.steps}`);
    };
    summary = await attackJob.start(asked, { onProgress });
    left = liveTensors() - before;
  });

  test("answers for four starting points, and with the head start of both files", () => {
    expect(summary.kind).toBe("transfer");
    expect(summary.arms.map(({ arm, budget }) => [arm, budget])).toEqual([
      ["original", 0.5],
      ["obfuscated", 0.5],
      ["original-scratch", 0.5],
      ["obfuscated-scratch", 0.5],
    ]);
    for (const { accuracies, mean, deviation, method, optimizer, learningRate } of summary.arms) {
      expect(accuracies).toHaveLength(2);
      for (const accuracy of accuracies)
        expect(accuracy * 40).toBeCloseTo(Math.round(accuracy * 40), 9);
      expect(mean).toBeCloseTo((accuracies[0]! + accuracies[1]!) / 2, 12);
      expect(deviation).toBeCloseTo(Math.abs(accuracies[0]! - accuracies[1]!) / Math.SQRT2, 12);
      expect(grid.methods).toContain(method);
      expect(grid.learningRates).toContain(learningRate);
      expect(optimizer).toBe("sgd");
    }
    const [start] = summary.headStart;
    const mean = (arm: string) => summary.arms.find((each) => each.arm === arm)!.mean;
    expect(summary.headStart).toHaveLength(1);
    expect(start!.original.mean).toBeCloseTo(
      100 * (mean("original") - mean("original-scratch")),
      9,
    );
    expect(start!.obfuscated.mean).toBeCloseTo(
      100 * (mean("obfuscated") - mean("obfuscated-scratch")),
      9,
    );
    expect(left).toBe(0);
  });

  test("teaches: the classes are told apart on images that nothing was chosen by", () => {
    expect(Math.max(...summary.arms.map(({ mean }) => mean))).toBeGreaterThan(0.6);
  });

  test("records every trial: the search on the pirate's own images, then all seeds", () => {
    const trials = trialsIn(summary.files.metrics);
    expect(trials.map(({ index }) => index)).toEqual(trials.map((_, i) => i));
    const ofArm = trials.filter(({ arm }) => arm === "obfuscated");
    // Four recipes for a ninth; the two best, and the best of each method, for a quarter, and with both seeds for half;
    // the best for all.
    const rounds = [6 / 9, 1.5, 3].map((length) =>
      ofArm.filter(({ isSearch, epochs }) => isSearch && epochs === length),
    );
    const [first, second, third] = rounds;
    for (const round of [second!, third!]) {
      expect(new Set(round.map(({ method }) => method))).toEqual(new Set(grid.methods));
    }
    expect(ofArm.map(({ isSearch, epochs, seed }) => [isSearch, epochs, seed])).toEqual([
      ...new Array(4).fill([true, 6 / 9, 0]),
      ...new Array(goingOn(first!)).fill([true, 1.5, 0]),
      ...new Array(goingOn(second!))
        .fill([0, 1])
        .flat()
        .map((seed) => [true, 3, seed]),
      [false, 6, 0],
      [false, 6, 1],
    ]);
    // Of 32 images in batches of 8, and of all 40.
    const lengths = [...steps].filter((each) => each.startsWith("obfuscated 0.5"));
    expect(new Set(lengths.map((each) => Number(each.split(": ")[1])))).toEqual(
      new Set([3, 6, 12, 30]),
    );
    const scratch = trials.filter(({ arm }) => arm === "obfuscated-scratch");
    expect(new Set(scratch.map(({ method }) => method))).toEqual(new Set(["initFC-all"]));
    const finals = ofArm.filter(({ isSearch }) => !isSearch);
    const { accuracies, ...arm } = summary.arms.find((each) => each.arm === "obfuscated")!;
    expect(finals.map(({ result }) => result.accuracy)).toEqual(accuracies);
    for (const { method, optimizer, learningRate } of finals) {
      expect(arm).toMatchObject({ method, optimizer, learningRate });
    }
  });

  test("keeps what the pirate makes of the stolen file, as a model that scores what is said", async () => {
    const { test: images } = await loadData(data);
    const accuracy = await accuracyOf(summary.files.model, images, normalization);
    expect(accuracy).toBe(summary.arms.find(({ arm }) => arm === "obfuscated")!.accuracies[0]);
  });

  test("gives the same again, also where it was stopped within a training or between two", async () => {
    const trials = trialsIn(summary.files.metrics);
    const out = path();
    const stopAt = (step: number) => {
      const controller = new AbortController();
      let steps = 0;
      const onProgress = (event: ProgressEvent) => {
        if (event.type === "step" && ++steps === step) controller.abort("SIGINT");
      };
      return { signal: controller.signal, onProgress };
    };
    await expect(attackJob.start({ ...asked, out }, stopAt(3))).rejects.toThrow(InterruptedError);
    await expect(attackJob.resume(out, stopAt(30))).rejects.toThrow(InterruptedError);
    const resumed = await attackJob.resume(out);
    expect(resumed.arms).toEqual(summary.arms);
    expect(trialsIn(resumed.files.metrics)).toEqual(trials);
  });

  test("stopped once its network is kept answers for no other file", async () => {
    const [out, older] = [path(), path()];
    const kept = `${out}/model.onnx`;
    const controller = new AbortController();
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "step" && event.stage.startsWith("obfuscated-scratch")) controller.abort();
    };
    const { signal } = controller;
    const small = { methods: ["initFC-all"], learningRates: [0.05], epochs: 1, seeds: 1, out };
    const begun = attackJob.start({ ...asked, ...small }, { signal, onProgress });
    await expect(begun).rejects.toThrow(InterruptedError);
    const written = readFileSync(kept);
    const noted = `,"modelSha256":"${sha256(kept)}"`;
    cpSync(out, older, { recursive: true });

    rmSync(kept);
    await expect(attackJob.resume(out)).rejects.toThrow(DataError);
    writeFileSync(kept, encodeModel(folded));
    await expect(attackJob.resume(out)).rejects.toThrow(
      /model\.onnx is not the file that this run wrote/,
    );
    writeFileSync(kept, written);
    expect((await attackJob.resume(out)).modelSha256).toBe(sha256(kept));

    // Versions before noted nothing; the line is as long, since a checkpoint knows the length.
    const metrics = `${older}/metrics.jsonl`;
    const text = readFileSync(metrics, "utf8");
    expect(text).toContain(noted);
    writeFileSync(metrics, text.replace(noted, " ".repeat(noted.length)));
    rmSync(`${older}/model.onnx`);
    expect((await attackJob.resume(older)).modelSha256).toBeNull();
  });

  test("takes no result of another trial for its own", async () => {
    const out = path();
    const controller = new AbortController();
    let trainings = 0;
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "step" && event.step === 1 && ++trainings === 3)
        controller.abort("SIGINT");
    };
    const { signal } = controller;
    const begun = attackJob.start({ ...asked, out, checkpointSeconds: 0 }, { signal, onProgress });
    await expect(begun).rejects.toThrow(InterruptedError);
    const metrics = `${out}/metrics.jsonl`;
    // As long as before, since a checkpoint knows the length.
    const text = readFileSync(metrics, "utf8").replace('"initFC-all"', '"direct-all"');
    writeFileSync(metrics, text);
    await expect(attackJob.resume(out)).rejects.toThrow(DataError);
    await expect(attackJob.resume(out)).rejects.toThrow(
      /expected trial 0 to be .*"initFC-all".*, found .*"direct-all"/,
    );
  });
});

test("a file whose weights are no numbers ends in an answer without a model, which is there again", async () => {
  const initializers = new Map(chain.initializers);
  const [name] = [...initializers.keys()].filter((key) => key.includes("0"));
  const { shape, data: bytes } = initializers.get(name!)!;
  initializers.set(name!, fromFloat32(shape, new Float32Array(bytes.length / 4).fill(Number.NaN)));
  const asked = options({
    model: path("nan.onnx", { ...chain, initializers }),
    acceptOriginal: true,
    out: path(),
    methods: ["initFC-all"],
    optimizers: ["sgd"],
    learningRates: [0.05],
    epochs: 1,
    seeds: 1,
  });
  const summary = await attackJob.start(asked);
  expect(summary.arms.find(({ arm }) => arm === "obfuscated")!.accuracies).toEqual([0]);
  expect(summary.modelSha256).toBeNull();
  expect(await attackJob.resume(asked.out!)).toEqual(summary);
});

describe("an attack refuses", () => {
  const refuses = (changes: Partial<AttackOptions>) =>
    expect(attackJob.start(options({ epochs: 1, ...changes })));

  test("kinds, methods and budgets that there are none of", async () => {
    await refuses({ kind: "theft" as "transfer" }).rejects.toThrow(
      /--kind: expected one of transfer/,
    );
    await refuses({ methods: ["guess"] }).rejects.toThrow(
      /--methods: .*initFC-all.*received guess/,
    );
    await refuses({
      kind: "extraction",
      methods: ["labels-other"],
      acceptOriginal: true,
    }).rejects.toThrow(
      /--methods: expected some of probabilities-same, labels-same, which these data allow, received labels-other/,
    );
    await refuses({ kind: "extraction", methods: ["own-labels"] }).rejects.toThrow(UsageError);
    await refuses({ budgets: [2] }).rejects.toThrow(/--budgets: .*received 2/);
    await refuses({ optimizers: [] }).rejects.toThrow(
      /--optimizers: expected one or more of sgd, adamw, muon, received none/,
    );
    await refuses({ learningRates: [] }).rejects.toThrow(
      /--learning-rates: expected one or more numbers above 0, received none/,
    );
    await refuses({ methods: [] }).rejects.toThrow(/--methods: .*received none/);
    const twice: Partial<AttackOptions> = {
      budgets: [0.5, 0.5],
      methods: ["initFC-all", "direct-all", "initFC-all"],
      optimizers: ["sgd", "sgd"],
      learningRates: [0.05, 0.05],
    };
    await refuses(twice).rejects.toThrow(UsageError);
    await refuses(twice).rejects.toThrow(
      [
        "--budgets: expected each once, received 0.5,0.5",
        "--methods: expected each once, received initFC-all,direct-all,initFC-all",
        "--optimizers: expected each once, received sgd,sgd",
        "--learning-rates: expected each once, received 0.05,0.05",
      ].join("\n"),
    );
    await refuses({ budgets: [0.05] }).rejects.toThrow(/leaves 1 of the 20 of "0"/);
  });

  test("options of trainings that it would not pass on", async () => {
    for (const unknown of [{ resizedCrop: 0.5 }, { colorJitter: 0.1 }, { tensorboard: true }]) {
      const asked = givenOptions("attack", { model, data, kind: "transfer", ...unknown });
      await expect(asked).rejects.toThrow(new RegExp(`"${Object.keys(unknown)[0]}"`));
    }
    await givenOptions("attack", { model, data, kind: "transfer", batchSize: 8, workers: 2 });
  });

  test("a file without its original", async () => {
    const { original: _, ...lacking } = options();
    await expect(attackJob.start(lacking)).rejects.toThrow(/--original is missing/);
    await refuses({ original: path("missing.onnx") }).rejects.toThrow(ModelError);
  });

  test("an original that is none of the file's", () => {
    const stranger = resnet({
      depth: 8,
      widths: [4, 8, 16],
      shape: [1, 8, 8],
      classes: 4,
      seed: 9,
    });
    const relate = (other: Graph) => () => assertRelated({ original: other, obfuscated: chain });
    expect(relate(folded)).not.toThrow();
    expect(relate(stranger)).toThrow(/biases .*nothing to do with each other.*--accept-original/);
    const larger = resnet({ depth: 8, widths: [4, 8, 16], shape: [1, 8, 8], classes: 5 });
    expect(relate(larger)).toThrow(/tells 5 classes apart, the file 4/);
    const wider = resnet({ depth: 8, widths: [4, 8, 12], shape: [1, 8, 8], classes: 4 });
    expect(relate(wider)).toThrow(/reads 12 features, that of the file 16/);
    expect(relate(wider)).toThrow(ModelError);
  });

  test.each([
    ["without biases", [0, 0, 0, 0]],
    ["with the same bias for all classes", [0.2, 0.2, 0.2, 0.2]],
    ["whose biases are like the file's by chance", [0.1, -0.3, 0.2, 0.4]],
  ])("an original that is none of the file's, %s", (_, biases) => {
    const relate = (original: Graph) => () => {
      const [first, second] = [original, chain].map((graph) => withBiases(graph, biases));
      assertRelated({ original: first!, obfuscated: second! });
    };
    expect(relate(folded)).not.toThrow();
    expect(relate(tuned(folded, 0.2))).not.toThrow();
    const strangers = [5, 6, 7, 8].map((seed) =>
      resnet({ depth: 8, widths: [4, 8, 16], shape: [1, 8, 8], classes: 4, seed }),
    );
    for (const stranger of strangers) {
      expect(relate(stranger)).toThrow(
        /weights .*nothing to do with each other.*--accept-original/,
      );
    }
  });

  test.each([
    ["the same", [0.3, -0.1], true],
    ["tuned", [0.28, -0.15], true],
    ["in the same order, as half of all are", [0.1, -0.3], false],
    ["in the same order, and ten times as large", [3, -1], false],
    ["opposite", [-0.3, 0.1], false],
  ])("of two outputs an original whose biases are not near: %s", (_, biases, isRelated) => {
    const relate = () =>
      assertRelated({ original: binary([0.3, -0.1]), obfuscated: binary(biases) });
    if (isRelated) expect(relate).not.toThrow();
    else expect(relate).toThrow(/biases .*nothing to do with each other/);
  });

  test.each([
    [
      [0.02, -0.02],
      [0.05, -0.05],
    ],
    [
      [0, 0],
      [0.01, -0.01],
    ],
  ])("small biases of two outputs say nothing: %j and %j", (before, tuned) => {
    const relate = () => assertRelated({ original: binary(before), obfuscated: binary(tuned) });
    expect(relate).not.toThrow();
  });

  test("images of another size, and of a single class", async () => {
    const large = writeData(path("large"), { train: 80, test: 40, size: 16 });
    await refuses({ data: large }).rejects.toThrow(DataError);
    const one = {
      "train-images-idx3-ubyte": idxFile([8, 8, 8], new Uint8Array(512)),
      "train-labels-idx1-ubyte": idxFile([8], new Uint8Array(8)),
      "t10k-images-idx3-ubyte": idxFile([8, 8, 8], new Uint8Array(512)),
      "t10k-labels-idx1-ubyte": idxFile([8], new Uint8Array(8)),
    };
    await refuses({ data: writeFiles(path("one"), one) }).rejects.toThrow(/two classes or more/);
  });

  test("a damaged file, and the folder of another job", async () => {
    const bytes = encodeModel(chain);
    await refuses({ model: path("cut.onnx", bytes.subarray(0, bytes.length / 2)) }).rejects.toThrow(
      ModelError,
    );
    const folder = path("other");
    path("other/config.json", JSON.stringify({ job: "train", options: {} }));
    await refuses({ model: folder }).rejects.toThrow(UsageError);
  });
});
