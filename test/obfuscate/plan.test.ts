import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { UsageError } from "../../src/errors.ts";
import { int, ints } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { countCost, estimateWork } from "../../src/graph/cost.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { cutGraph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { architectures, sequential } from "../../src/models/index.ts";
import { type ChainPlan, layerCosts, planChain } from "../../src/obfuscate/index.ts";
import { inferenceMode, scope, zeros } from "../../src/torch/index.ts";
import { attributes, float32 } from "../graph/graphs.ts";

/** Plans the chain for a model. */
function planFor(model: Graph, options: { depth: number; maxMacs?: number }) {
  const facts = inferShapes(model);
  const boundary = findBoundary(model, facts);
  const { extractor } = cutGraph(model, boundary.tensor, facts);
  const plan = planChain(extractor, facts, { ...options, boundary });
  return { plan, boundary, work: estimateWork(extractor, facts) };
}

/** The network built so far, under a classifier of three classes. */
function classified(builder: GraphBuilder, features: string): Graph {
  const pooled = builder.flatten(builder.globalAveragePool(features));
  builder.output(builder.linear(pooled, { name: "classifier", outputs: 3 }), "logits");
  return builder.build();
}

/** Convolutions of stride 2 with their ReLUs on `x`, `count` of them behind the first, which has stride 1. */
function halved(
  builder: GraphBuilder,
  x: string,
  { count, outputs, gate }: { count: number; outputs: number; gate?: Gate | undefined },
): string {
  let map = x;
  for (let i = 0; i <= count; i++) {
    const stride = i === 0 ? 1 : 2;
    const options = { name: `conv${i}`, outputs, kernel: 3, stride, padding: 1 };
    map = builder.relu(builder.conv(map, options));
    if (gate) map = gate(builder, map, `gate${i}`);
  }
  return map;
}

/** What weighs a map by itself. */
type Gate = (builder: GraphBuilder, x: string, name: string) => string;

/** Where a chain ends, and what it costs, by the arithmetic of ONNX's operators. */
function measure({ input, layers }: ChainPlan) {
  let [channels, ...size] = input as readonly number[] as [number, ...number[]];
  let [macs, parameters] = [0, 0];
  for (const { outputs, kernel, stride, padding, pool } of layers) {
    size = size.map((length, axis) => {
      const room = length + 2 * padding[axis]! - kernel[axis]!;
      return Math.floor(room / stride[axis]!) + 1;
    });
    const weights = channels! * outputs * kernel[0] * kernel[1];
    macs += weights * size[0]! * size[1]!;
    parameters += weights;
    channels = outputs;
    if (pool) size = size.map((length) => Math.floor(length / 2));
  }
  return { shape: [channels, ...size], macs, parameters };
}

/** The lengths that each window leads between along each axis, and whether it can lie mostly in padding. */
function windowsOf({ input, layers }: ChainPlan) {
  const behind = layerCosts(input, layers).map(({ size }) => size);
  return layers.flatMap(({ kernel, padding, pool }, i) =>
    [0, 1].map((axis) => ({
      from: i === 0 ? input[axis + 1]! : behind[i - 1]![axis]!,
      to: behind[i]![axis]! * (pool ? 2 : 1),
      isMostlyPadding: padding[axis]! > Math.floor(kernel[axis]! / 2),
    })),
  );
}

/** The windows of a plan in short: kernel, stride and padding along the width, and the width behind. */
function shorten({ input, layers }: ChainPlan): string {
  const behind = layerCosts(input, layers).map(({ size }) => size[1]);
  const windows = layers.map(
    ({ kernel, stride, padding, pool }, i) =>
      `k${kernel[1]} s${stride[1]} p${padding[1]}${pool ? " pool" : ""}: ${behind[i]}`,
  );
  return windows.join(", ");
}

/** A layer of a generated original. Sizes that do not fit the map are cut down to it. */
interface Part {
  readonly kind: "conv" | "residual" | "pool";
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: number;
}

interface Original {
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly parts: readonly Part[];
}

const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

const originals: fc.Arbitrary<Original> = fc.record({
  shape: fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 8, max: 224 }),
    fc.integer({ min: 8, max: 224 }),
  ),
  parts: fc.array(
    fc.record({
      kind: fc.constantFrom("conv", "residual", "pool"),
      channels: fc.integer({ min: 1, max: 24 }),
      kernel: pair(1, 7),
      stride: pair(1, 4),
      padding: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

/** The original as a graph, with a convolution in front so that there is an extractor. */
function build({ shape, parts }: Original): Graph {
  const builder = new GraphBuilder();
  let x = builder.conv(builder.input("image", ["N", ...shape]), {
    name: "stem",
    outputs: 6,
    kernel: 3,
    padding: 1,
  });
  for (const [i, { kind, channels, stride, padding, ...part }] of parts.entries()) {
    const name = `part${i}`;
    const [, , ...size] = builder.shape(x) as [number, number, number, number];
    const kernel = part.kernel.map((k, axis) => Math.min(k, size[axis] as number)) as never;
    if (kind === "conv") {
      x = builder.relu(builder.conv(x, { name, outputs: channels, kernel, stride, padding }));
    } else if (kind === "pool") {
      x = builder.maxPool(x, { kernel, stride });
    } else {
      const outputs = builder.shape(x)[1] as number;
      x = builder.relu(builder.add(x, builder.conv(x, { name, outputs, kernel: 3, padding: 1 })));
    }
  }
  return classified(builder, x);
}

describe("planChain", () => {
  test("leads from any image to any boundary with exactly `depth` convolutions, within the budget", () => {
    const depths = fc.integer({ min: 2, max: 12 });
    const property = fc.property(originals, depths, (original, wanted) => {
      const model = build(original);
      const depth = Math.min(wanted, Math.max(original.shape[1], original.shape[2]));
      const { plan, boundary, work } = planFor(model, { depth });
      expect(plan.input).toEqual(original.shape);
      expect(plan.layers).toHaveLength(depth);
      expect(planFor(model, { depth }).plan).toEqual(plan);

      const end = measure(plan);
      expect(end.shape).toEqual(boundary.shape.slice(1));
      expect(end.macs).toBe(plan.macs);
      const shrinking = windowsOf(plan).filter(({ from, to }) => to <= from + 1);
      expect(shrinking.filter(({ isMostlyPadding }) => isMostlyPadding)).toEqual([]);
      if (end.parameters < 300_000) {
        const chain = sequential(plan.layers, { shape: original.shape });
        const facts = inferShapes(chain);
        expect(facts.get("features")?.shape.slice(1)).toEqual(end.shape);
        expect(countCost(chain, facts).macs).toBe(plan.macs);
      }
      expect(plan.layers.slice(0, -1).every(({ activation }) => activation === "relu")).toBe(true);

      // No more than its share of the original's work, but for the narrowest chain.
      if (plan.macs > 0.6 * work) {
        expect(() => planFor(model, { depth, maxMacs: plan.macs - 1 })).toThrow(UsageError);
      }
    });
    fc.assert(property, { numRuns: 200, seed: 1 });
  });

  test("gives chains that run", () => {
    const small = originals.map(({ shape: [channels, height, width], parts }) => ({
      shape: [channels, 8 + (height % 33), 8 + (width % 33)] as const,
      parts,
    }));
    const property = fc.property(small, fc.integer({ min: 2, max: 8 }), (original, depth) => {
      const { plan, boundary } = planFor(build(original), { depth });
      const network = new Network(sequential(plan.layers, { shape: original.shape }));
      const shape = scope(() => {
        const image = zeros([2, ...original.shape]);
        return inferenceMode(() => network.forward({ input: image })).features?.shape;
      });
      network.dispose();
      expect(shape).toEqual([2, ...boundary.shape.slice(1)]);
    });
    fc.assert(property, { numRuns: 20, seed: 2 });
  });

  test("spends the cost it may have", () => {
    const model = architectures.resnet20!();
    for (const [maxMacs, step] of [
      [2e6, 4],
      [5e6, 8],
      [15e6, 16],
      [40e6, 16],
      [90e6, 16],
    ] as const) {
      const { plan } = planFor(model, { depth: 7, maxMacs });
      expect(plan.macs).toBeLessThanOrEqual(maxMacs);
      expect(plan.macs).toBeGreaterThan(0.6 * maxMacs);
      const widths = plan.layers.slice(0, -1).map(({ outputs }) => outputs);
      expect(widths.map((width) => width % step)).toEqual(widths.map(() => 0));
      expect(widths.some((width) => width % (2 * step) !== 0)).toBe(true);
    }
  });

  test("halves the image where the original does, and follows its number of channels", () => {
    const { plan } = planFor(architectures.resnet20!(), { depth: 5 });
    expect(plan.layers.map(({ pool }) => pool)).toEqual([true, true, false, false, false]);
    expect(plan.layers.at(-1)?.outputs).toBe(64);
  });

  test("gives the first size a second convolution where there are enough, and widens ahead of pooling", () => {
    const { plan } = planFor(architectures.resnet20!(), { depth: 7, maxMacs: 4.4e9 });
    const pools = [false, true, true, false, false, false, false];
    expect(plan.layers.map(({ pool }) => pool)).toEqual(pools);
    const widths = plan.layers.slice(0, -1).map(({ outputs }) => outputs);
    const growth = widths.slice(1).map((width, i) => width / widths[i]!);
    const expected = [2, 2, Math.SQRT2, 1, 1];
    for (const [i, ratio] of growth.entries()) expect(ratio).toBeCloseTo(expected[i]!, 1);
  });

  test.each([
    [7, "3p 3 3p 3 3p 3 1"],
    [6, "3p 3p 3 3p 3 3"],
    [5, "3p 3p 3p 3 3"],
    [4, "3p 3p 3p 3"],
  ])(
    "shares %d convolutions evenly where the last size is 4×4, the last of 1×1 where all later sizes have two",
    (depth, expected) => {
      const { plan } = planFor(architectures["googlenet-half"]!(), { depth });
      const layers = plan.layers.map(({ kernel, pool }) => `${kernel[0]}${pool ? "p" : ""}`);
      expect(layers.join(" ")).toBe(expected);
    },
  );

  test.each([
    [3, 8, "k3 s1 p0: 26, k3 s1 p1: 26, k5 s2 p1: 12, k3 s1 p1: 12, k3 s1 p1: 12"],
    [5, 5, "k5 s1 p0 pool: 12, k3 s1 p1: 12, k5 s1 p0: 8, k3 s1 p1: 8, k3 s1 p1: 8"],
    [9, 3, "k9 s1 p0: 20, k7 s5 p1: 4, k3 s1 p1: 4, k3 s1 p1: 4, k1 s1 p0: 4"],
  ])(
    "leaves to one step what convolutions of kernel %d, %d of them, take off without padding",
    (kernel, count, expected) => {
      const builder = new GraphBuilder();
      let x = builder.input("image", ["N", 1, 28, 28]);
      for (let i = 0; i < count; i++) {
        x = builder.relu(builder.conv(x, { name: `conv${i}`, outputs: 16, kernel }));
      }
      expect(shorten(planFor(classified(builder, x), { depth: 5 }).plan)).toBe(expected);
    },
  );

  test.each([
    [
      28,
      8,
      5,
      "k3 s1 p1: 28, k3 s1 p1 pool: 14, k3 s1 p1 pool: 7, k3 s1 p1: 7, k3 s1 p1: 7, k3 s1 p1: 7",
    ],
    [
      32,
      7,
      5,
      "k5 s1 p0: 28, k3 s1 p1 pool: 14, k3 s1 p1 pool: 7, k3 s1 p1: 7, k3 s1 p1: 7, k3 s1 p1: 7",
    ],
    [
      96,
      2.34,
      5,
      "k3 s1 p1 pool: 48, k3 s1 p1 pool: 24, k3 s1 p1 pool: 12, k3 s1 p1: 12, k4 s2 p2: 7, k3 s1 p1: 7",
    ],
    [
      96,
      2.34,
      3,
      "k15 s3 p0: 28, k3 s1 p1: 28, k3 s1 p1: 28, k3 s1 p1: 28, k3 s1 p1: 28, k3 s1 p1: 28",
    ],
    [
      256,
      0.704,
      5,
      "k3 s2 p1 pool: 64, k3 s1 p1 pool: 32, k3 s1 p1 pool: 16, k3 s1 p1 pool: 8, k3 s1 p1: 8, k3 s1 p0: 6",
    ],
  ])(
    "halves an image of %d pixels, which the original scales by %d and halves %d times, itself",
    (side, scale, count, expected) => {
      const builder = new GraphBuilder();
      const image = builder.input("image", ["N", 3, side, side]);
      const scales = builder.initializer("scales", float32([4], [1, 1, scale, scale]));
      let x = builder.node("Resize", [image, "", scales]);
      for (let i = 0; i < count; i++) {
        const options = { name: `conv${i}`, outputs: 16, kernel: 3, stride: 2, padding: 1 };
        x = builder.relu(builder.conv(x, options));
      }
      expect(shorten(planFor(classified(builder, x), { depth: 6 }).plan)).toBe(expected);
    },
  );

  test("begins at the image's size where an original pads the image and works at more", () => {
    const builder = new GraphBuilder();
    let x = builder.input("image", ["N", 1, 28, 28]);
    for (const [i, padding] of [3, 1, 1].entries()) {
      const options = {
        name: `conv${i}`,
        outputs: 16,
        kernel: 3,
        stride: i === 0 ? 1 : 2,
        padding,
      };
      x = builder.relu(builder.conv(x, options));
    }
    expect(shorten(planFor(classified(builder, x), { depth: 5 }).plan)).toBe(
      "k3 s1 p1 pool: 14, k3 s1 p1: 14, k4 s2 p2: 8, k3 s1 p1: 8, k3 s1 p1: 8",
    );
  });

  const gates: Record<string, Gate> = {
    "squeeze and excite": (builder, x, name) => {
      const gate = { name, outputs: builder.shape(x)[1]!, kernel: 1 };
      const pooled = builder.globalAveragePool(x);
      return builder.node("Mul", [x, builder.node("Sigmoid", [builder.conv(pooled, gate)])]);
    },
    // Hou, Zhou, Feng 2021 (arXiv 2103.02907), figure 2c.
    "coordinate attention": (builder, x, name) => {
      const [, outputs, height, width] = builder.shape(x) as [number, number, number, number];
      const numbers = (values: number[]) =>
        builder.initializer(`${name}.${values}`, fromNumbers("int64", [values.length], values));
      const mean = (axis: number) =>
        builder.node("ReduceMean", [x], { attributes: { axes: ints([axis]) } });
      const turn = (strip: string) =>
        builder.node("Transpose", [strip], { attributes: { perm: ints([0, 1, 3, 2]) } });
      const joined = builder.node("Concat", [mean(3), turn(mean(2))], {
        attributes: { axis: int(2) },
      });
      const strip = builder.conv(joined, { name, outputs, kernel: 1 });
      const gate = (axis: string, from: number, to: number) => {
        const part = builder.node("Slice", [strip, numbers([from]), numbers([to]), numbers([2])]);
        const turned = axis === "x" ? turn(part) : part;
        const convolved = builder.conv(turned, { name: `${name}.${axis}`, outputs, kernel: 1 });
        return builder.node("Sigmoid", [convolved]);
      };
      const high = builder.node("Mul", [x, gate("y", 0, height)]);
      return builder.node("Mul", [high, gate("x", height, height + width)]);
    },
  };

  test.each([
    ["squeeze and excite", 32, 2],
    ["squeeze and excite", 32, 5],
    ["squeeze and excite", 28, 5],
    ["coordinate attention", 32, 3],
    ["coordinate attention", 32, 5],
    ["coordinate attention", 64, 3],
    ["coordinate attention", 224, 4],
  ])(
    "takes no map of %s for a size of the image, of %d pixels and halved %d times",
    (kind, side, count) => {
      const network = (gate?: Gate) => {
        const builder = new GraphBuilder();
        const image = builder.input("image", ["N", 3, side, side]);
        return classified(builder, halved(builder, image, { count, outputs: 8, gate }));
      };
      const { plan: plain } = planFor(network(), { depth: 7 });
      const { plan: gated } = planFor(network(gates[kind]), { depth: 7 });
      expect(shorten(gated)).toBe(shorten(plain));
      expect(gated.layers.filter(({ kernel }) => kernel[0] > 3)).toEqual([]);
    },
  );

  test.each([
    [1, 187, 5, "1×3: 1×187, 1×3: 1×94, 1×3: 1×47, 1×3: 1×24, 1×3: 1×12, 1×3: 1×6, 1×3: 1×6"],
    [4, 64, 4, "3×3: 2×32, 3×3: 1×16, 1×3: 1×16, 1×3: 1×8, 1×3: 1×8, 1×3: 1×4, 1×3: 1×4"],
    [32, 1, 2, "3×1: 32×1, 3×1: 16×1, 3×1: 16×1, 3×1: 16×1, 3×1: 8×1, 3×1: 8×1, 1×1: 8×1"],
  ])(
    "leads from strips of %d×%d that are halved %d times, with no padding along a side of one",
    (height, width, count, expected) => {
      const builder = new GraphBuilder();
      const image = builder.input("image", ["N", 1, height, width]);
      const network = classified(builder, halved(builder, image, { count, outputs: 16 }));
      const { plan } = planFor(network, { depth: 7 });
      const sizes = layerCosts(plan.input, plan.layers).map(({ size }) => size.join("×"));
      const kernels = plan.layers.map(({ kernel }) => kernel.join("×"));
      expect(kernels.map((kernel, i) => `${kernel}: ${sizes[i]}`).join(", ")).toBe(expected);
    },
  );

  test.each([0, 1, -3, 2.5, 21, 1000, Number.NaN])(
    "refuses the depth %d for 8×20 pixels",
    (depth) => {
      const model = build({ shape: [1, 8, 20], parts: [] });
      expect(() => planFor(model, { depth })).toThrow(UsageError);
      expect(() => planFor(model, { depth })).toThrow(
        /--depth: .* from 2 to 20 .* 8×20 .*received/,
      );
    },
  );

  test("refuses images of one pixel", () => {
    const model = build({ shape: [3, 1, 1], parts: [] });
    expect(() => planFor(model, { depth: 2 })).toThrow(
      new UsageError(
        "images of 1×1 are too small for a chain: expected 2 pixels or more along a side",
      ),
    );
  });

  test("refuses a cost that no chain has, and says which one is possible", () => {
    const model = build({ shape: [1, 8, 8], parts: [] });
    const message = (() => {
      try {
        planFor(model, { depth: 3, maxMacs: 10 });
      } catch (error) {
        return (error as UsageError).message;
      }
      return "";
    })();
    const least = Number(/at least (\d+)/.exec(message)?.[1]);
    expect(planFor(model, { depth: 3, maxMacs: least }).plan.macs).toBe(least);
    expect(() => planFor(model, { depth: 3, maxMacs: 1e30 })).toThrow(
      /--max-macs: expected at most \d+, 100 times what the original costs, received 1e\+30/,
    );
  });
});

describe("the last activation", () => {
  /** The end of an original as a function of the last convolution's result. */
  function lastActivation(end: (builder: GraphBuilder, x: string) => string, opset = 17): string {
    const builder = new GraphBuilder({ opset });
    const image = builder.input("image", ["N", 1, 8, 8]);
    const first = builder.conv(image, { name: "first", outputs: 4, kernel: 3, padding: 1 });
    const features = end(builder, first);
    const model = classified(builder, features);
    const facts = inferShapes(model);
    const boundary = findBoundary(model, facts, features);
    const { extractor } = cutGraph(model, features, facts);
    return planChain(extractor, facts, { depth: 2, boundary }).layers.at(-1)!.activation;
  }

  const bound = (builder: GraphBuilder, value: number) =>
    builder.initializer(`bound${value}`, float32([], [value]));
  const clip = (builder: GraphBuilder, x: string, ...bounds: number[]) =>
    builder.node("Clip", [x, ...bounds.map((value) => bound(builder, value))]);
  const clip6 = (builder: GraphBuilder, x: string, bounds: Record<string, number>) =>
    builder.node("Clip", [x], { attributes: attributes(bounds) });

  const reduce = (builder: GraphBuilder, operator: string, x: string) =>
    builder.node(operator, [x], { attributes: attributes({ axes: [2, 3] }) });
  const turn = (builder: GraphBuilder, x: string) =>
    builder.node("Transpose", [x], { attributes: attributes({ perm: [0, 1, 3, 2] }) });

  const cases: Record<string, [string, (b: GraphBuilder, x: string) => string, number?]> = {
    "a convolution": ["none", (_, x) => x],
    Relu: ["relu", (b, x) => b.relu(x)],
    LeakyRelu: ["none", (b, x) => b.node("LeakyRelu", [x])],
    "Clip from 0 to 6": ["relu", (b, x) => clip(b, x, 0, 6)],
    "Clip from 1": ["relu", (b, x) => clip(b, x, 1)],
    "Clip from -1 to 1": ["none", (b, x) => clip(b, x, -1, 1)],
    "Clip without bounds": ["none", (b, x) => b.node("Clip", [x])],
    "Clip with an upper bound alone": ["none", (b, x) => b.node("Clip", [x, "", bound(b, 6)])],
    "Clip from 0, opset 6": ["relu", (b, x) => clip6(b, x, { min: 0, max: 6 }), 10],
    "Clip from -1.5, opset 6": ["none", (b, x) => clip6(b, x, { min: -1.5 }), 10],
    "Clip from a value that the graph computes": [
      "none",
      (b, x) =>
        b.node("Clip", [x, b.node("ReduceMin", [x], { attributes: attributes({ keepdims: 0 }) })]),
    ],
    "pooled ReLUs": [
      "relu",
      (b, x) => b.averagePool(b.maxPool(b.relu(x), { kernel: 2 }), { kernel: 2 }),
    ],
    "a pooled convolution": ["none", (b, x) => b.maxPool(x, { kernel: 2 })],
    "the sum of two ReLUs": ["relu", (b, x) => b.add(b.relu(x), b.relu(b.node("Neg", [x])))],
    "the sum of a ReLU and a convolution": ["none", (b, x) => b.add(b.relu(x), x)],
    "joined ReLUs": ["relu", (b, x) => b.concat([b.relu(x), b.relu(x)])],
    "a ReLU joined with a convolution": ["none", (b, x) => b.concat([b.relu(x), x])],
    "globally pooled ReLUs": ["relu", (b, x) => b.globalAveragePool(b.relu(x))],
    "globally pooled convolutions": ["none", (b, x) => b.node("GlobalMaxPool", [x])],
    "the mean of ReLUs": ["relu", (b, x) => reduce(b, "ReduceMean", b.relu(x))],
    "the least of convolutions": ["none", (b, x) => reduce(b, "ReduceMin", x)],
    "squared convolutions": ["relu", (b, x) => reduce(b, "ReduceSumSquare", x)],
    "a gated ReLU": ["relu", (b, x) => b.node("Mul", [b.relu(x), b.node("Sigmoid", [x])])],
    "a gated convolution": ["none", (b, x) => b.node("Mul", [x, b.node("HardSigmoid", [x])])],
    Softplus: ["relu", (b, x) => b.node("Softplus", [x])],
    Exp: ["relu", (b, x) => b.node("Exp", [x])],
    Abs: ["relu", (b, x) => b.node("Abs", [x])],
    Tanh: ["none", (b, x) => b.node("Tanh", [x])],
    "the larger one of a convolution and 0": ["relu", (b, x) => b.node("Max", [x, bound(b, 0)])],
    "the larger one of a convolution and -1": ["none", (b, x) => b.node("Max", [x, bound(b, -1)])],
    "the smaller one of a ReLU and 6": ["relu", (b, x) => b.node("Min", [b.relu(x), bound(b, 6)])],
    "a ReLU less 1": ["none", (b, x) => b.add(b.relu(x), bound(b, -1))],
    "a divided ReLU": ["relu", (b, x) => b.node("Div", [b.relu(x), bound(b, 6)])],
    "a turned ReLU": ["relu", (b, x) => turn(b, b.relu(x))],
    "a turned convolution": ["none", (b, x) => turn(b, x)],
    "ReLU before a negation": ["none", (b, x) => b.node("Neg", [b.relu(x)])],
  };

  test.each(Object.entries(cases))("of %s", (_, [expected, end, opset]) => {
    expect(lastActivation(end, opset)).toBe(expected);
  });

  test("is found in linear time", () => {
    // Both inputs of every sum are the sum before: 2^200 paths.
    const doubled = (builder: GraphBuilder, x: string) =>
      Array.from({ length: 200 }).reduce<string>((sum) => builder.add(sum, sum), builder.relu(x));
    expect(lastActivation(doubled)).toBe("relu");
  });
});
