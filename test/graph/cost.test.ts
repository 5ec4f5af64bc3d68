import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { countCost, estimateTime, estimateWork } from "../../src/graph/cost.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import { cutGraph, foldBatchNorm } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { architectures } from "../../src/models/index.ts";
import { float32, graph, node } from "./graphs.ts";

describe("cost", () => {
  test("counts convolutions, linear layers and normalization", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 3, 8, 8]);
    const conv = build.conv(x, {
      name: "conv",
      outputs: 4,
      kernel: 3,
      padding: 1,
      stride: 2,
      bias: true,
    });
    const group = build.conv(build.batchNorm(conv, { name: "bn" }), {
      name: "group",
      outputs: 4,
      kernel: 1,
      groups: 2,
    });
    build.output(build.linear(build.flatten(group), { name: "fc", outputs: 10 }), "logits");
    const model = build.build();
    const cost = countCost(model, inferShapes(model));
    expect(Object.fromEntries(cost.perNode)).toEqual({
      conv: 4 * 16 * 27,
      group: 4 * 16 * 2,
      fc: 64 * 10,
    });
    expect(cost.macs).toBe(4 * 16 * 27 + 4 * 16 * 2 + 640);
    // Two of the four vectors of the normalization are statistics.
    expect(cost.parameters).toBe(4 * 27 + 4 + 2 * 4 + 4 * 2 + 650);
  });

  test("estimates the work of what memory bounds by the values that it writes", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 16, 8, 8]);
    const conv = build.conv(x, { name: "conv", outputs: 16, kernel: 3, padding: 1 });
    const layer = build.relu(build.batchNorm(conv, { name: "bn" }));
    const narrow = build.conv(layer, { name: "narrow", outputs: 4, kernel: 1 });
    const joined = build.relu(build.concat([x, narrow], { name: "concat" }));
    build.output(build.maxPool(joined, { kernel: 2 }), "features");
    const model = build.build();
    const [conv3x3, conv1x1] = [16 * 64 * 144, 50 * 4 * 64];
    const [concat, relu, pool] = [50 * 20 * 64, 50 * 20 * 64, 50 * 20 * 16];
    expect(estimateWork(model, inferShapes(model))).toBe(conv3x3 + conv1x1 + concat + relu + pool);
  });

  test("estimates depthwise and narrow groups, gates, activations and what moves values", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 32, 8, 8]);
    const values = 32 * 64;
    const conv = (name: string, groups: number, from = x) =>
      build.conv(from, { name, outputs: 32, kernel: 3, padding: 1, groups });
    const workAfter = (add: () => string) => {
      const before = workOf(build);
      add();
      return workOf(build) - before;
    };
    const workOf = (builder: GraphBuilder) => {
      const model = builder.build();
      return estimateWork(model, inferShapes(model));
    };
    expect(workAfter(() => conv("depthwise", 32))).toBe(50 * values + 2 * 9 * values);
    expect(workAfter(() => conv("narrow", 4))).toBe(50 * values + 2 * 72 * values);
    expect(workAfter(() => conv("wide", 2))).toBe(144 * values);
    expect(workAfter(() => build.node("HardSwish", ["wide"]))).toBe(25 * values);
    expect(workAfter(() => build.relu("depthwise"))).toBe(0);
    // SiLU of a layer: its sigmoid is not part of the layer.
    const silu = () => build.node("Mul", ["narrow", build.node("Sigmoid", ["narrow"])]);
    expect(workAfter(silu)).toBe(2 * 25 * values);
    const perm = { perm: { type: "ints", value: [0, 2, 3, 1] } } as const;
    expect(workAfter(() => build.node("Transpose", ["wide"], { attributes: perm }))).toBe(
      100 * values,
    );
    expect(workAfter(() => build.flatten("wide"))).toBe(0);
  });

  test("estimates the time of dense convolutions by whole vectors of channels", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 3, 8, 8]);
    const image = build.conv(x, { name: "image", outputs: 24, kernel: 5, padding: 2 });
    const dense = build.conv(image, { name: "dense", outputs: 40, kernel: 3, padding: 1 });
    build.conv(dense, { name: "depthwise", outputs: 40, kernel: 3, padding: 1, groups: 40 });
    const model = build.build();
    const macs = 3 * 32 * 25 * 64 + 32 * 48 * 9 * 64;
    expect(estimateTime(model, inferShapes(model))).toBeCloseTo(macs + (50 + 18) * 40 * 64, 3);
  });

  test("estimates the time of small maps by whole blocks of a row's pixels", () => {
    const timeOf = (size: number, kernel: number) => {
      const build = new GraphBuilder();
      const x = build.input("x", ["N", 512, size, size]);
      build.conv(x, { name: "conv", outputs: 512, kernel, padding: (kernel - 1) / 2 });
      const model = build.build();
      return estimateTime(model, inferShapes(model)) / (512 * 512 * kernel * kernel * size * size);
    };
    expect(timeOf(4, 3)).toBeCloseTo(1.5, 6);
    expect(timeOf(8, 3)).toBeCloseTo(1, 6);
    expect(timeOf(4, 1)).toBeCloseTo(1, 6);
  });

  test.each([
    ["resnet20", 50_450_432],
    ["densenet", 164_874_240],
    ["googlenet-half", 115_054_592],
  ])("of the extractor of %s is what widths were chosen by", (name, work) => {
    const model = architectures[name]!();
    const { tensor } = findBoundary(model, inferShapes(model));
    const extractor = foldBatchNorm(cutGraph(model, tensor).extractor);
    expect(estimateWork(extractor, inferShapes(extractor))).toBe(work);
  });

  test("counts transposed convolutions and matrix products", () => {
    const model = graph({
      inputs: { x: [1, 2, 4, 4], y: [6, 5], z: [3, 7, 6] },
      initializers: { w: float32([2, 3, 2, 2]), m: float32([6, 9]) },
      nodes: [
        node("ConvTranspose", ["x", "w"], "a", { strides: [2, 2] }),
        node("Gemm", ["y", "m"], "b", { transA: 1 }),
        node("MatMul", ["z", "m"], "c"),
      ],
      outputs: ["a", "b", "c"],
    });
    const { perNode } = countCost(model, inferShapes(model));
    expect(Object.fromEntries(perNode)).toEqual({
      a: 32 * 3 * 4,
      b: 5 * 6 * 9,
      c: 3 * 7 * 9 * 6,
    });
  });

  test("does not take settings and constants of formulas for parameters", () => {
    const model = graph({
      inputs: { x: [1, 3] },
      initializers: {
        half: fromNumbers("float32", [], [0.5]),
        scale: float32([3]),
        low: fromNumbers("float32", [], [0]),
        shape: fromNumbers("int64", [4], [1, 1, 3, 1]),
        slope: float32([1]),
        scales: float32([4]),
      },
      nodes: [
        node("Mul", ["x", "half"], "a"),
        node("Mul", ["a", "scale"], "b"),
        node("Clip", ["b", "low"], "c"),
        node("PRelu", ["c", "slope"], "d"),
        node("Reshape", ["d", "shape"], "e"),
        node("Resize", ["e", "", "scales"], "y"),
      ],
      outputs: ["y"],
    });
    expect(countCost(model, inferShapes(model))).toMatchObject({ parameters: 3 + 1, macs: 0 });
  });
});
