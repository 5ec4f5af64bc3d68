import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { countCost } from "../../src/graph/cost.ts";
import { findBoundary, findCutPoints } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { compose, cutGraph, foldBatchNorm, freeBatch } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import {
  type Activation,
  architectures,
  densenet,
  type Layer,
  resnet,
  sequential,
} from "../../src/models/index.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";

const build = (name: string, options = {}) => architectures[name]!(options);
const costOf = (model: Graph) => countCost(model, inferShapes(model));
const count = (model: Graph, operator: string) =>
  model.nodes.filter((node) => node.operator === operator).length;

describe("reference models", () => {
  // He et al. 2016, table 6; Huang et al. 2017, table 2 and the authors' repository.
  test.each([
    ["resnet20", 0.27],
    ["resnet32", 0.46],
    ["resnet44", 0.66],
    ["resnet56", 0.85],
    ["densenet100", 0.8],
    ["densenet", 0.18],
    ["googlenet-half", 1.5],
  ])("%s has %d million parameters", (name, millions) => {
    const digits = String(millions).length - 2;
    expect((costOf(build(name)).parameters / 1e6).toFixed(digits)).toBe(millions.toFixed(digits));
  });

  test("have the multiply-accumulate operations that others count", () => {
    expect(costOf(build("resnet20")).macs).toBe(40_551_040);
    expect(costOf(build("resnet56")).macs).toBe(125_485_696);
  });

  test("has the sizes of torchvision's ResNet-18", () => {
    const { parameters, macs } = costOf(build("resnet18", { classes: 1000 }));
    expect(parameters).toBe(11_689_512);
    expect(macs).toBe(1_814_073_344);
  });

  test("has the sizes of torchvision's MobileNetV2", () => {
    const { parameters, macs } = costOf(build("mobilenet", { classes: 1000 }));
    expect(parameters).toBe(3_504_872);
    expect(macs).toBe(300_774_272);
  });

  test("keep small images' size in their stems", () => {
    // The sizes that others count for CIFAR-10 (github.com/kuangliu/pytorch-cifar).
    const boundaryOf = (model: Graph) => findBoundary(model, inferShapes(model)).shape;
    const [resnet18, mobilenet] = ["resnet18", "mobilenet"].map((name) =>
      build(name, { shape: [3, 32, 32] }),
    );
    expect(costOf(resnet18!)).toMatchObject({ parameters: 11_173_962, macs: 555_422_720 });
    expect(boundaryOf(resnet18!)).toEqual([1, 512, 4, 4]);
    expect(boundaryOf(mobilenet!)).toEqual([1, 1280, 4, 4]);
  });

  test.each([
    ["resnet18", "layer4.1", [1, 512, 7, 7]],
    ["mobilenet", "last.relu6", [1, 1280, 7, 7]],
    ["resnet20", "layer3.2", [1, 64, 8, 8]],
    ["densenet", "norm5.relu", [1, 132, 8, 8]],
    ["googlenet-half", "inception5b", [1, 512, 4, 4]],
  ])("%s has its boundary at %s", (name, tensor, shape) => {
    const model = build(name);
    expect(findBoundary(model, inferShapes(model))).toEqual({ tensor, shape });
  });

  test("have a cut point behind every block", () => {
    const model = build("resnet20");
    const blocks = [1, 2, 3].flatMap((stage) => [0, 1, 2].map((i) => `layer${stage}.${i}`));
    expect(findCutPoints(model, inferShapes(model))).toEqual(
      expect.arrayContaining(blocks.slice(0, -1)),
    );
    const modules = findCutPoints(build("googlenet-half"), inferShapes(build("googlenet-half")));
    expect(modules.filter((name) => /^inception\d\w$/.test(name))).toHaveLength(8);
  });

  test.each(["resnet20", "densenet", "googlenet-half", "mobilenet"])(
    "%s runs and folds",
    async (name) => {
      const model = build(name, { shape: [3, 32, 32] });
      const folded = foldBatchNorm(model);
      if (name !== "densenet") expect(count(folded, "BatchNormalization")).toBe(0);
      const inputs = { input: [2, 3, 32, 32] };
      const [before, after] = [await evaluate(model, inputs), await evaluate(folded, inputs)];
      expect(before.logits?.shape).toEqual([2, 10]);
      expect(relativeDifference(before.logits!, after.logits!)).toBeLessThan(1e-4);
    },
  );

  test("take other images, classes and seeds", async () => {
    const model = build("resnet8", { shape: [1, 28, 28], classes: 7 });
    expect((await evaluate(model, { input: [1, 1, 28, 28] })).logits?.shape).toEqual([1, 7]);
    expect(count(model, "Conv")).toBe(7);
    expect(resnet({ depth: 14, widths: [8, 8, 16] }).nodes.length).toBeGreaterThan(40);
    const weights = (seed: number) => build("resnet8", { seed }).initializers.get("conv1.weight");
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  test("refuse images that cannot be halved as often, with the least size", () => {
    expect(() => build("densenet", { shape: [3, 3, 64] })).toThrow(
      new UsageError(
        "DenseNet: expected images of 4×4 pixels or more, received 3×64: take another architecture, such as resnet20",
      ),
    );
    const others = Object.keys(architectures).filter((name) => !name.startsWith("densenet"));
    for (const name of others) expect(() => build(name, { shape: [3, 1, 1] })).not.toThrow();
  });

  test("refuse a depth that does not divide into stages", () => {
    expect(() => resnet({ depth: 21 })).toThrow(/8, 14, 20, ..., but is 21/);
    expect(() => densenet({ depth: 5 })).toThrow(/10, 16, 22, ..., but is 5/);
  });
});

describe("the sequential network", () => {
  const layer = (outputs: number, activation: Activation, changes: Partial<Layer> = {}): Layer => ({
    outputs,
    activation,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    pool: false,
    ...changes,
  });
  const plan = [
    layer(16, "relu", { pool: true }),
    layer(16, "relu"),
    layer(32, "none", { stride: [2, 2] }),
    layer(32, "relu", { kernel: [1, 1], padding: [0, 0] }),
    layer(64, "relu"),
  ];

  test("is a chain of as many convolutions as planned, also when folded", async () => {
    const chain = sequential(plan);
    const folded = foldBatchNorm(chain);
    expect(count(folded, "Conv")).toBe(5);
    expect(count(folded, "BatchNormalization")).toBe(0);
    const inputs = { input: [2, 3, 32, 32] };
    const [before, after] = [await evaluate(chain, inputs), await evaluate(folded, inputs)];
    expect(before.features?.shape).toEqual([2, 64, 8, 8]);
    expect(relativeDifference(before.features!, after.features!)).toBeLessThan(1e-4);
  });

  test("carries an original's classifier", async () => {
    const original = build("resnet20");
    const { classifier } = cutGraph(original, findBoundary(original, inferShapes(original)).tensor);
    const shipped = foldBatchNorm(compose(sequential(plan), classifier));
    expect(count(shipped, "Conv")).toBe(5);
    expect(shipped.inputs).toEqual(original.inputs);
    expect(shipped.outputs).toEqual(original.outputs);
    expect((await evaluate(shipped, { input: [3, 3, 32, 32] })).logits?.shape).toEqual([3, 10]);
    expect(freeBatch(shipped)).toBe(shipped);
  });
});
