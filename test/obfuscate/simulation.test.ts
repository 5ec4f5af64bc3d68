// Simulating the three families of networks, directly and recursively, on noise: a few steps each.
import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { Batches } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { compose, renameTensors } from "../../src/graph/rewrites.ts";
import { pooledScales } from "../../src/graph/roles.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { densenet, googlenet, resnet, sequential } from "../../src/models/index.ts";
import { defaultLoss } from "../../src/obfuscate/defaults.ts";
import { calibrate } from "../../src/obfuscate/jointLoss.ts";
import type { ObfuscateOptions } from "../../src/obfuscate/options.ts";
import type { Inputs } from "../../src/obfuscate/original.ts";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { simulate } from "../../src/obfuscate/simulate.ts";
import { Teacher } from "../../src/obfuscate/teacher.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { type ProgressEvent, RunFolder } from "../../src/runs/index.ts";
import {
  backward,
  parameter,
  randn,
  scope,
  setThreads,
  sum,
  type Tensor,
  tensor,
} from "../../src/torch/index.ts";
import { idxFile } from "../cli/fixtures.ts";
import { float32, node } from "../graph/graphs.ts";
import { evaluate, randomInput, relativeDifference } from "../graph/onnxruntime.ts";
import { quarters } from "../train/tiny.ts";
import { workshop } from "../workshop.ts";
import { writeFiles } from "./tiny.ts";

const path = workshop();
const [channels, classes] = [1, 3];

beforeAll(() => setThreads(1));

/** 32 images of noise in the notation of a data set. */
function noise(height: number, width: number): string {
  const images = uniform({ seed: 1, name: "noise" }, 32 * height * width).map((u) => 256 * u);
  const pixels = idxFile([32, height, width], Uint8Array.from(images));
  const labels = idxFile(
    [32],
    Uint8Array.from({ length: 32 }, (_, i) => i % classes),
  );
  return writeFiles(path(), {
    "train-images-idx3-ubyte": pixels,
    "train-labels-idx1-ubyte": labels,
    "t10k-images-idx3-ubyte": pixels,
    "t10k-labels-idx1-ubyte": labels,
  });
}

/** Checks and trains as the job does. Gives what was trained and the stages and losses on the way. */
async function trained(model: Graph, changes: Partial<ObfuscateOptions>) {
  const file = path();
  writeFileSync(file, encodeModel(model));
  const [, , height, width] = model.inputs[0]!.shape as number[];
  const data = noise(height!, width!);
  const given = {
    model: file,
    data,
    depth: 5,
    epochs: 2,
    out: path(),
    batchSize: 4,
    precision: "f32" as const,
    acceptOriginal: true,
    ...changes,
  };
  const { options, inputs } = await prepare(given);
  const run = await RunFolder.create(options.out, { job: "obfuscate", options });
  const events: ProgressEvent[] = [];
  const hooks = { onProgress: (event: ProgressEvent) => void events.push(event) };
  const work = { options, inputs, run, hooks, checkpoint: undefined };
  const { chain, classifier } = await simulate(work);
  const epochs = events.flatMap((event) => (event.type === "epoch" ? [event] : []));
  return { chain: nameChainInput(chain, inputs.original), classifier, inputs, epochs };
}

/** What is shipped computes what was trained. */
async function expectSealable(
  chain: Graph,
  { classifier, plan }: Pick<Inputs, "classifier" | "plan">,
): Promise<void> {
  const depth = plan.layers.length;
  const [before, after] = [compose(chain, classifier), seal(chain, classifier, { depth, seed: 4 })];
  const shape = [4, ...plan.input];
  const name = before.inputs[0]!.name;
  const image = randomInput(name, shape);
  const [a, b] = [
    await evaluate(before, { [name]: image }),
    await evaluate(after, { [name]: image }),
  ];
  expect(a.logits!.values.every(Number.isFinite)).toBe(true);
  expect(relativeDifference(a.logits!, b.logits!)).toBeLessThan(1e-4);
}

const shape = (height: number, width: number) => ({
  shape: [channels, height, width] as const,
  classes,
});
const models = {
  resnet: resnet({ depth: 20, widths: [4, 6, 8], ...shape(12, 20) }),
  densenet: densenet({ depth: 16, growth: 4, ...shape(16, 16) }),
  googlenet: googlenet({ width: 0.04, ...shape(16, 18) }),
};

describe.each(Object.entries(models))("%s", (_, model) => {
  test.each([5, 7])("is simulated recursively by %d convolutions", async (depth) => {
    const { chain, inputs, epochs } = await trained(model, {
      depth,
      simulation: "recursive",
      distillationWeight: 0.1,
    });
    const stages = [...new Set(epochs.map(({ stage }) => stage))];
    expect(stages.length).toBeGreaterThan(1);
    expect(stages.at(-1)).toBe("chain");
    for (const { losses } of epochs) {
      expect(Object.values(losses).every(Number.isFinite)).toBe(true);
      const terms = Object.keys(losses).map((name) => name.split(" ")[0]);
      expect(new Set(terms)).toEqual(new Set(["feature", "label", "distillation", "loss"]));
    }
    await expectSealable(chain, inputs);
  });

  test.each(["direct", "recursive"] as const)("ships the plain chain, %s", async (simulation) => {
    const { chain, inputs, epochs } = await trained(model, { simulation });
    const plain = sequential(inputs.plan.layers, { shape: inputs.plan.input });
    expect(chain.nodes.map(({ operator }) => operator)).toEqual(
      plain.nodes.map(({ operator }) => operator),
    );
    for (const { losses } of epochs) {
      expect(Object.values(losses).every(Number.isFinite)).toBe(true);
    }
    await expectSealable(chain, inputs);
  });

  test("is simulated directly in bf16", async () => {
    const { chain, inputs, epochs } = await trained(model, { precision: "bf16" });
    expect(epochs.map(({ stage, epoch }) => [stage, epoch])).toEqual([
      ["chain", 1],
      ["chain", 2],
    ]);
    expect(epochs[1]!.losses.loss).toBeLessThan(epochs[0]!.losses.loss!);
    await expectSealable(chain, inputs);
  });
});

test("a level that has no steps keeps its weights: there is nothing to average", async () => {
  const options = { simulation: "recursive", epochs: 1, batchSize: 32 } as const;
  const learned = async (averageWeights: number) => {
    const { chain, epochs } = await trained(models.resnet, { ...options, averageWeights });
    expect(epochs.map(({ stage }) => stage)).toEqual(["chain"]);
    return [...chain.initializers].filter(([name]) => !name.includes("running_"));
  };
  // Of the whole chain's one step the average is what it came to.
  expect(await learned(0.5)).toEqual(await learned(0));
});

test("scales behind pooling learn nothing: one below zero could not be sealed", async () => {
  const { chain } = await trained(models.resnet, { depth: 4, epochs: 1, averageWeights: 0.5 });
  const scales = [...pooledScales(chain)];
  expect(scales.length).toBeGreaterThan(0);
  for (const [name, value] of chain.initializers) {
    if (!/\.bn\d\.weight$/.test(name)) continue;
    const isOne = toNumbers(value).every((scale) => scale === 1);
    expect([name, isOne]).toEqual([name, scales.includes(name)]);
  }
});

test("SGD learns otherwise than Muon, from the same start", async () => {
  const losses = async (optimizer: "muon" | "sgd") => {
    const { epochs } = await trained(models.resnet, { optimizer, depth: 3 });
    return epochs.map((epoch) => epoch.losses.loss!);
  };
  const [muon, sgd] = [await losses("muon"), await losses("sgd")];
  expect(sgd.every(Number.isFinite)).toBe(true);
  expect(sgd[1]).toBeLessThan(sgd[0]!);
  expect(sgd).not.toEqual(muon);
});

describe("the classifier", () => {
  const bytesOf = ({ initializers }: Graph) =>
    [...initializers].map(([name, { data }]) => [name, Buffer.from(data).toString("hex")]);

  test("stays the original's where it is not tuned, or for less than a step", async () => {
    for (const tuneClassifier of [0, 0.01]) {
      const { classifier, inputs } = await trained(models.resnet, { depth: 3, tuneClassifier });
      expect(bytesOf(classifier)).toEqual(bytesOf(inputs.classifier));
    }
  });

  // Of 16 steps of the chain, the last four: the first epoch, the first eight, goes as without.
  test.each(["direct", "recursive"] as const)(
    "learns in the last steps, %s",
    async (simulation) => {
      const options = { depth: 3, simulation } as const;
      const without = await trained(models.resnet, options);
      const tuned = await trained(models.resnet, { ...options, tuneClassifier: 0.25 });
      expect(tuned.epochs.slice(0, -1)).toMatchObject(
        without.epochs.slice(0, -1).map(({ stage, losses }) => ({ stage, losses })),
      );
      expect(tuned.epochs.at(-1)!.losses).not.toEqual(without.epochs.at(-1)!.losses);
      const [before, after] = [tuned.inputs.classifier, tuned.classifier].map(bytesOf);
      expect(after!.map(([name]) => name)).toEqual(before!.map(([name]) => name));
      const changed = after!.filter(([, bytes], i) => bytes !== before![i]![1]);
      expect(changed.map(([name]) => name)).toEqual(["fc.weight", "fc.bias"]);
      await expectSealable(tuned.chain, { ...tuned.inputs, classifier: tuned.classifier });
    },
  );

  test("and its average are tuned by the losses at the logits, which there must be", async () => {
    const options = { depth: 3, tuneClassifier: 1, averageWeights: 0.5 };
    const { classifier, inputs } = await trained(models.densenet, options);
    expect(bytesOf(classifier)).not.toEqual(bytesOf(inputs.classifier));
    const nothing = { labelWeight: 0, distillationWeight: 0 };
    await expect(trained(models.densenet, { ...options, ...nothing })).rejects.toThrow(
      /--tune-classifier: .*--label-weight or a --distillation-weight/,
    );
    await expect(trained(models.densenet, { tuneClassifier: 2 })).rejects.toThrow(
      /--tune-classifier: expected a number from 0 to 1, received 2/,
    );
  });
});

describe("the terms of the loss", () => {
  const nothing = { featureWeight: 0, labelWeight: 0, distillationWeight: 0 };

  test.each([
    ["feature", { ...nothing, featureWeight: 2 }],
    ["label", { ...nothing, labelWeight: 2 }],
    ["distillation", { ...nothing, distillationWeight: 2 }],
  ])("%s alone", async (term, weights) => {
    for (const simulation of ["direct", "recursive"] as const) {
      const { epochs } = await trained(models.resnet, { ...weights, simulation, depth: 3 });
      const { losses } = epochs.at(-1)!;
      expect(Object.keys(losses).sort()).toEqual([term, "loss"].sort());
      expect(losses.loss).toBeCloseTo(2 * losses[term]!, 4);
    }
  });

  test("have the temperature and the smoothing that they are given", async () => {
    const first = async (changes: Partial<ObfuscateOptions>) => {
      const { epochs } = await trained(models.resnet, { depth: 3, epochs: 1, ...changes });
      return epochs[0]!.losses;
    };
    const [plain, same] = [await first({}), await first({ temperature: 4, labelSmoothing: 0 })];
    expect(same).toEqual(plain);
    const distilled = { labelWeight: 0, featureWeight: 0, distillationWeight: 1 };
    const hot = await first({ ...distilled, temperature: 8 });
    const cold = await first({ ...distilled, temperature: 4 });
    expect(hot.distillation).not.toEqual(cold.distillation);
    // Smoothed to the end, labels say nothing: log 3 is the least that is left.
    const smooth = await first({ featureWeight: 0, labelSmoothing: 1 });
    expect(smooth.label).toBeGreaterThanOrEqual(Math.log(3));
    expect(smooth.label).not.toEqual((await first({ featureWeight: 0 })).label);
  });

  test("are calibrated by the mean over images of how far an image's logits spread", async () => {
    using batches = new Batches(quarters(2), { batch: 2, seed: 0, mean: [0], std: [1] });
    const factor = async (...values: number[]) => {
      const logits = tensor(values, { shape: [2, 2] });
      const teacher = { look: () => ({ features: {}, logits }) } as unknown as Teacher;
      const loss = { ...defaultLoss, labelSmoothing: 0 };
      return (await calibrate(loss, teacher, batches)).calibration;
    };
    // Standard deviations of 1 and 3; 1.5 is usual.
    expect(await factor(10, 12, -1, 5)).toBeCloseTo(1.5 / 2, 6);
    expect(await factor(1, 1, 1, 1)).toBe(1);
    expect(await factor(1, 1, 1, Number.NaN)).toBe(1);
  });

  test("do not depend on how large the original's logits are", async () => {
    const enlarged = (factor: number): Graph => {
      const initializers = new Map(models.resnet.initializers);
      for (const name of ["fc.weight", "fc.bias"]) {
        const value = initializers.get(name)!;
        const scaled = toNumbers(value).map((x) => factor * x);
        initializers.set(name, float32(value.shape, scaled));
      }
      return { ...models.resnet, initializers };
    };
    const [small, large] = [await trained(enlarged(0.5), {}), await trained(enlarged(8), {})];
    expect(large.epochs.map(({ losses }) => losses)).toEqual(
      small.epochs.map(({ losses }) => losses),
    );
  });

  test.each<[string, Partial<ObfuscateOptions>]>([
    ["none", nothing],
    ["a temperature of zero", { temperature: 0 }],
    ["a temperature that is no number", { temperature: Number.NaN }],
    ["more than all smoothing", { labelSmoothing: 1.5 }],
    ["a negative weight", { labelWeight: -1 }],
    ["a weight that is no number", { featureWeight: Number.NaN }],
    ["an infinite weight", { distillationWeight: Number.POSITIVE_INFINITY }],
    ["smoothing of labels that do not count", { labelWeight: 0, labelSmoothing: 0.1 }],
    ["a temperature of answers that do not count", { distillationWeight: 0, temperature: 8 }],
  ])("%s is refused", async (_, weights) => {
    await expect(trained(models.resnet, weights)).rejects.toThrow(UsageError);
  });
});

test.each(["direct", "recursive"] as const)(
  "an original that gives probabilities teaches by its logits, and is shipped with its softmax, %s",
  async (simulation) => {
    const scores = renameTensors(models.resnet, (name) => (name === "logits" ? "scores" : name));
    const { outputs } = models.resnet;
    const nodes = [...scores.nodes, node("Softmax", ["scores"], "logits")];
    const options = { depth: 3, simulation, tuneClassifier: 0.5 };
    const plain = await trained(models.resnet, options);
    const { epochs, chain, classifier, inputs } = await trained(
      { ...scores, nodes, outputs },
      options,
    );
    expect(epochs.map(({ losses }) => losses)).toEqual(plain.epochs.map(({ losses }) => losses));
    const image = { [inputs.original.inputs[0]!.name]: [4, ...inputs.plan.input] };
    const { logits } = await evaluate(compose(plain.chain, plain.classifier), image);
    const { logits: probabilities } = await evaluate(compose(chain, classifier), image);
    const exponentials = logits!.values.map(Math.exp);
    const expected = exponentials.map((value, i) => {
      const first = i - (i % classes);
      return value / exponentials.slice(first, first + classes).reduce((a, b) => a + b);
    });
    expect(relativeDifference(probabilities!, { ...logits!, values: expected })).toBeLessThan(1e-5);
    await expectSealable(chain, { ...inputs, classifier });
  },
);

test("a boundary before a batch norm is simulated, too", async () => {
  const build = new GraphBuilder({ opset: 17 });
  const image = build.input("image", ["N", channels, 8, 8]);
  const features = build.conv(image, { name: "conv", outputs: 4, kernel: 3, padding: 1 });
  const pooled = build.globalAveragePool(build.relu(build.batchNorm(features, { name: "norm" })));
  build.output(build.linear(build.flatten(pooled), { name: "fc", outputs: classes }), "logits");
  const boundary = { boundary: features, depth: 3 };
  const { chain, inputs, epochs } = await trained(build.build(), boundary);
  expect(Object.keys(epochs[0]!.losses)).toContain("feature");
  await expectSealable(chain, inputs);
});

test("the frozen original gives the features and logits of its file, and judges any features", async () => {
  const model = models.densenet;
  const file = path();
  writeFileSync(file, encodeModel(model));
  const given = {
    model: file,
    data: noise(16, 16),
    depth: 3,
    epochs: 1,
    out: path(),
    acceptOriginal: true,
  };
  const { teacher: graph, boundary } = (await prepare(given)).inputs;
  using teacher = new Teacher(graph, boundary, { device: "cpu", precision: "f32" });
  expect(teacher.shapeOf(boundary.tensor)).toEqual(boundary.shape.slice(1));
  const { logits } = await evaluate(model, { input: [4, 1, 16, 16] });
  scope(() => {
    const image = randomInput("input", [4, 1, 16, 16]);
    const images = randn([4, 1, 16, 16]);
    const ours = teacher.look(toTensor(image), { tensors: [boundary.tensor], logits: true });
    const values = Float32Array.from(ours.logits!.numbers());
    expect(relativeDifference(logits!, { shape: [4, classes], values })).toBeLessThan(1e-4);
    expect(ours.logits!.requiresGrad).toBe(false);
    const nothing = { features: {}, logits: undefined };
    expect(teacher.look(images, { tensors: [], logits: false })).toEqual(nothing);
    const features = ours.features[boundary.tensor]!;
    const judged = teacher.logitsFor(boundary.tensor, features).numbers();
    judged.forEach((value, i) => {
      expect(value).toBeCloseTo(values[i]!, 4);
    });
    const moved = parameter(
      teacher.look(images, { tensors: [boundary.tensor], logits: false }).features[
        boundary.tensor
      ]!,
    );
    backward(sum(teacher.logitsFor(boundary.tensor, moved)));
    expect(moved.grad?.numbers().some((value) => value !== 0)).toBe(true);
  });
});

function toTensor({ shape: sizes, values }: ReturnType<typeof randomInput>): Tensor {
  return tensor(values, { shape: sizes });
}
