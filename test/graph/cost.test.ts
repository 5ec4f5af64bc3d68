import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { countCost, estimateWork } from "../../src/graph/cost.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { float32, graph, node } from "./graphs.ts";

describe("cost", () => {
  it("counts convolutions, linear layers and normalization", () => {
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

  it("estimates the work of what memory bounds by the values that it writes", () => {
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

  it("counts transposed convolutions and matrix products", () => {
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

  it("does not take settings and constants of formulas for parameters", () => {
    const model = graph({
      inputs: { x: [1, 3] },
      initializers: {
        half: fromNumbers("float32", [], [0.5]),
        scale: float32([3]),
        low: fromNumbers("float32", [], [0]),
        shape: fromNumbers("int64", [2], [3, 1]),
      },
      nodes: [
        node("Mul", ["x", "half"], "a"),
        node("Mul", ["a", "scale"], "b"),
        node("Clip", ["b", "low"], "c"),
        node("Reshape", ["c", "shape"], "y"),
      ],
      outputs: ["y"],
    });
    expect(countCost(model, inferShapes(model))).toMatchObject({ parameters: 3, macs: 0 });
  });
});
