// A step of training on libtorch's `meta` device, where every operator is looked up and its shapes are checked, and
// nothing is computed. It goes the way of a device that is no processor, so it finds what a CUDA run would call in
// vain and what is left on the processor; it proves nothing about numbers or speed on a GPU.
import { beforeAll, describe, expect, test } from "vitest";
import { Batches } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { batchOptions } from "../../src/jobs/options.ts";
import { architectures, densenet, googlenet, sequential } from "../../src/models/index.ts";
import { defaultLoss } from "../../src/obfuscate/defaults.ts";
import { directStage } from "../../src/obfuscate/direct.ts";
import type { ObfuscateOptions } from "../../src/obfuscate/options.ts";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { Teacher } from "../../src/obfuscate/teacher.ts";
import {
  add,
  type Device,
  indexSelect,
  inferenceMode,
  liveTensors,
  scope,
  sum,
  tensor,
  zeros,
} from "../../src/torch/index.ts";
import { native } from "../../src/torch/native.ts";
import { totalLoss } from "../../src/train/losses.ts";
import { LossSums } from "../../src/train/lossSums.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

const meta = "meta" as Device;
const path = workshop();

beforeAll(() => native.completeMeta());

/** Two steps of the main job, as its loop takes them; gives the names of what is not on the device of its state. */
async function stepsOnMeta(changes: Partial<ObfuscateOptions>): Promise<string[]> {
  const given = {
    model: writeTiny(`${path()}.onnx`),
    data: writeData(path()),
    out: path(),
    depth: 3,
    epochs: 1,
    batchSize: 8,
    acceptOriginal: true,
    ...changes,
  };
  const prepared = await prepare(given);
  const options = { ...prepared.options, device: meta };
  const { inputs } = prepared;
  const { plan, original, boundary } = inputs;
  using teacher = new Teacher(original, boundary, options);
  using batches = new Batches(inputs.data.train, batchOptions(options));
  const { labelSmoothing } = options;
  const loss = { ...defaultLoss, labelSmoothing, calibration: 1 };
  const start = sequential(plan.layers, { shape: plan.input });
  const { chain, stage } = directStage(start, { options, inputs }, { teacher, batches, loss });
  using learning = chain;
  using sums = new LossSums({});
  const { learner } = learning;
  let step = 0;
  for await (const batch of stage.batches.epoch(0)) {
    scope(() => {
      const terms = stage.losses(batch, step);
      learner.zeroGrad();
      learner.backward(
        totalLoss(terms),
        terms.map(({ value }) => value),
      );
      learner.step(stage.schedule(step / 2));
      sums.add(terms);
    });
    if (++step === 2) break;
  }
  return [...learner.state].flatMap(([name, { device }]) => (device === meta ? [] : [name]));
}

describe("on a device that is no processor", () => {
  const photos = { crop: 0, flip: true, resizedCrop: 0.4, colorJitter: 0.3 };
  test.each<[string, Partial<ObfuscateOptions>]>([
    ["bf16, by Muon", { precision: "bf16", crop: 2, flip: true }],
    ["f32, by SGD", { precision: "f32", optimizer: "sgd", crop: 0 }],
    ["with photos' crops and colours", { precision: "bf16", ...photos }],
    ["mixed", { precision: "f32", mixup: 0.3, labelSmoothing: 0.1 }],
    ["with averages, and a classifier that learns", { averageWeights: 1, tuneClassifier: 1 }],
  ])("every operator of a step is there: %s", async (_, changes) => {
    const before = liveTensors();
    // What is counted decides on the processor, and stays there.
    const elsewhere = await stepsOnMeta(changes);
    expect(elsewhere.filter((name) => !/\bsteps$/.test(name))).toEqual([]);
    expect(liveTensors()).toBe(before);
  });

  test("tensors of the processor do not mix with its own, and no value comes back", () => {
    scope(() => {
      const [here, there] = [zeros([2, 3]), zeros([2, 3], { device: meta })];
      expect(() => indexSelect(there, 0, tensor([0], { dtype: "int64" }))).toThrow(/one device/);
      expect(() => add(here, there)).toThrow(/device/);
      expect(() => sum(there).item()).toThrow();
    });
  });

  const shape = [3, 64, 64] as const;
  test.each([
    ["resnet", architectures.resnet8!({ shape })],
    ["resnet18", architectures.resnet18!({ shape })],
    ["mobilenet", architectures.mobilenet!({ shape })],
    ["densenet", densenet({ depth: 16, shape })],
    ["googlenet", googlenet({ width: 0.1, shape })],
  ])("%s learns and answers", (_, graph) => {
    for (const precision of ["f32", "bf16"] as const) {
      using network = new Network(graph, { device: meta, precision, trainable: true });
      scope(() => {
        const images = zeros([4, ...shape], { device: meta });
        const inputs = { input: images };
        const learned = network.forward(inputs, { training: true }).logits!;
        const answered = inferenceMode(() => network.forward(inputs)).logits!;
        for (const logits of [learned, answered]) {
          expect([logits.device, logits.shape]).toEqual([meta, [4, 10]]);
        }
      });
    }
  });
});
