// Which optimizer a parameter gets, and what it does with it.
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { foldBatchNorm } from "../../src/graph/rewrites.ts";
import { densenet } from "../../src/models/index.ts";
import {
  add,
  backward,
  copyInto,
  full,
  mulScalar,
  noGrad,
  type Optimizer,
  scope,
  square,
  sum,
  type Tensor,
} from "../../src/torch/index.ts";
import {
  fineTuningOptimizer,
  learningRateOf,
  type OptimizerOptions,
  optimizersFor,
} from "../../src/train/index.ts";

/** A convolution with batch norm, one with max pooling between, one without, and a linear layer. */
function mixed(): Graph {
  const build = new GraphBuilder({ seed: 1 });
  const conv = (x: string, name: string) =>
    build.conv(x, { name, outputs: 6, kernel: 3, padding: 1, bias: name === "bare" });
  const image = build.input("image", ["N", 4, 8, 8]);
  const first = build.relu(build.batchNorm(conv(image, "normed"), { name: "norm1" }));
  const pooled = build.maxPool(conv(first, "pooled"), { kernel: 2 });
  const second = build.relu(build.batchNorm(pooled, { name: "norm2" }));
  const third = build.relu(conv(second, "bare"));
  const flat = build.flatten(build.globalAveragePool(third));
  build.output(build.linear(flat, { name: "linear", outputs: 5 }), "logits");
  return build.build();
}

/** Optimizers for all parameters of a graph, and these. */
function optimized(graph: Graph, options: Partial<OptimizerOptions> = {}) {
  const { parameters } = new Network(graph, { trainable: true });
  const chosen = { learningRate: 1, ...options } as const;
  return { parameters, optimizers: optimizersFor(graph, parameters, chosen) };
}

/** Gives every parameter a gradient: that of the sum of its own values of `of`. */
function differentiate(parameters: ReadonlyMap<string, Tensor>, of: (x: Tensor) => Tensor): void {
  scope(() =>
    backward([...parameters.values()].map((each) => sum(of(each))).reduce((a, b) => add(a, b))),
  );
}

describe("roles", () => {
  test("give Muon the convolutions that batch norm follows, and AdamW the rest", () => {
    const [muon, adam] = optimized(mixed()).optimizers;
    expect([...muon!.state.keys()]).toEqual(["momentum.normed.weight", "momentum.pooled.weight"]);
    const ofAdam = [...adam!.state.keys()].filter((name) => name.startsWith("mean."));
    expect(ofAdam.sort()).toEqual([
      ...["mean.bare.bias", "mean.bare.weight", "mean.linear.bias", "mean.linear.weight"],
      ...["mean.norm1.bias", "mean.norm1.weight", "mean.norm2.bias", "mean.norm2.weight"],
    ]);
  });

  test("give Muon nothing in a file whose batch norm is folded", () => {
    const { optimizers, parameters } = optimized(foldBatchNorm(mixed()));
    expect(optimizers).toHaveLength(1);
    const before = new Map([...parameters].map(([name, each]) => [name, each.numbers()]));
    differentiate(parameters, square);
    optimizers[0]!.step();
    for (const [name, each] of parameters) {
      const [old, now] = [before.get(name)!, each.numbers()];
      // AdamW's first step is its rate, whatever the gradient is; Muon would set the norm of the weight.
      for (const [i, value] of now.entries()) {
        expect(Math.abs(value - old[i]!)).toBeLessThanOrEqual(0.0501);
      }
    }
  });

  test("see through pooling and concatenation", () => {
    const graph = densenet({ depth: 16, growth: 4 });
    const convolutions = graph.nodes.filter(({ operator }) => operator === "Conv");
    const { optimizers } = optimized(graph);
    expect(optimizers[0]!.state.size).toBe(convolutions.length);
  });

  test("do not take a convolution whose output is also read elsewhere", () => {
    const build = new GraphBuilder({ seed: 1 });
    const image = build.input("image", ["N", 4, 8, 8]);
    const x = build.conv(image, { name: "shared", outputs: 4, kernel: 3, padding: 1 });
    build.output(build.add(build.batchNorm(x, { name: "norm" }), x), "y");
    expect(optimized(build.build()).optimizers).toHaveLength(1);
  });
});

describe("the first step", () => {
  test("of Muon is orthogonal, that of AdamW a twentieth of its rate against the gradient's sign", () => {
    const { parameters, optimizers } = optimized(mixed());
    const before = new Map([...parameters].map(([name, each]) => [name, each.numbers()]));
    differentiate(parameters, square);
    for (const optimizer of optimizers) optimizer.step();
    const now = (name: string) => parameters.get(name)!.numbers();
    now("linear.weight").forEach((value, i) => {
      const old = before.get("linear.weight")![i]!;
      expect(value - old).toBeCloseTo(-0.05 * Math.sign(old), 4);
    });
    // The weight was scaled to the norm √6 first; a step of six orthogonal rows has that norm, too.
    const weight = before.get("normed.weight")!;
    const norm = Math.hypot(...weight);
    const step = now("normed.weight").map((value, i) => value - (weight[i]! * Math.sqrt(6)) / norm);
    expect(Math.hypot(...step)).toBeGreaterThan(0.6 * Math.sqrt(6));
    expect(Math.hypot(...step)).toBeLessThan(1.3 * Math.sqrt(6));
  });

  test("grows with the learning rate", () => {
    const steps = [1, 0.5].map((learningRate) => {
      const { parameters, optimizers } = optimized(mixed(), { learningRate });
      const bias = parameters.get("linear.bias")!;
      differentiate(parameters, (x) => x);
      const before = bias.numbers()[0]!;
      for (const optimizer of optimizers) optimizer.step();
      return before - bias.numbers()[0]!;
    });
    expect(steps[0]! / steps[1]!).toBeCloseTo(2, 3);
  });
});

describe("SGD for everything", () => {
  /** Parameters and gradients of 1; gives how far two steps move each parameter. */
  function moved(learningRate: number): Map<string, number> {
    const { parameters, optimizers } = optimized(mixed(), { optimizer: "sgd", learningRate });
    expect(optimizers).toHaveLength(1);
    noGrad(() => {
      for (const each of parameters.values()) copyInto(each, full(each.shape, 1));
    });
    for (let step = 0; step < 2; step++) {
      optimizers[0]!.zeroGrad();
      differentiate(parameters, (x) => x);
      optimizers[0]!.step();
    }
    return new Map([...parameters].map(([name, each]) => [name, 1 - each.numbers()[0]!]));
  }

  // Nesterov with momentum 0.9: the first step moves by 1.9 gradients, the second by 1 + 0.9 (1 + 0.9).
  const bias = (rate: number) => rate * (1.9 + 2.71);

  /** The same of a weight, whose gradient has the decay of 5e-4 of itself in it. */
  function weight(rate: number): number {
    let [value, velocity] = [1, 0];
    for (let step = 0; step < 2; step++) {
      const gradient = 1 + 5e-4 * value;
      velocity = 0.9 * velocity + gradient;
      value -= rate * (gradient + 0.9 * velocity);
    }
    return 1 - value;
  }

  test("steps with momentum, and decay for weights alone", () => {
    const by = moved(0.2);
    expect(by.get("linear.bias")).toBeCloseTo(bias(0.2), 5);
    expect(by.get("bare.weight")).toBeCloseTo(weight(0.2), 5);
    expect(by.get("linear.weight")).toBeCloseTo(weight(0.2), 5);
    expect(Math.abs(weight(0.2) - bias(0.2))).toBeGreaterThan(1e-4);
  });
});

describe("AdamW", () => {
  /** Parameters of 1, and gradients of 1, then 3; gives how far both steps move each parameter. */
  function moved(
    parameters: ReadonlyMap<string, Tensor>,
    optimizers: readonly Optimizer[],
  ): Map<string, number> {
    noGrad(() => {
      for (const each of parameters.values()) copyInto(each, full(each.shape, 1));
    });
    for (const gradient of [1, 3]) {
      for (const optimizer of optimizers) optimizer.zeroGrad();
      differentiate(parameters, (x) => mulScalar(x, gradient));
      for (const optimizer of optimizers) optimizer.step();
    }
    return new Map([...parameters].map(([name, each]) => [name, 1 - each.numbers()[0]!]));
  }

  /** The same of a parameter, by the paper's algorithm 2. */
  function adam(rate: number, [b, c]: readonly [number, number], decay = 0): number {
    let [value, m, v] = [1, 0, 0];
    for (const [i, g] of [1, 3].entries()) {
      m = b * m + (1 - b) * g;
      v = c * v + (1 - c) * g * g;
      const step = m / (1 - b ** (i + 1)) / Math.sqrt(v / (1 - c ** (i + 1)));
      value = value * (1 - rate * decay) - rate * step;
    }
    return 1 - value;
  }

  test("for everything decays weights alone", () => {
    const asked = { optimizer: "adamw", learningRate: 0.1 } as const;
    const { parameters, optimizers } = optimized(mixed(), asked);
    expect(optimizers).toHaveLength(1);
    const by = moved(parameters, optimizers);
    const betas = [0.9, 0.999] as const;
    for (const name of ["linear.bias", "bare.bias", "norm1.weight", "norm1.bias"]) {
      expect(by.get(name), name).toBeCloseTo(adam(0.1, betas), 5);
    }
    for (const name of ["linear.weight", "bare.weight", "normed.weight"]) {
      expect(by.get(name), name).toBeCloseTo(adam(0.1, betas, 0.05), 5);
    }
    expect(adam(0.1, betas, 0.05) - adam(0.1, betas)).toBeGreaterThan(1e-3);
  });

  test("beside Muon and for a classifier that learns on forgets sooner, and decays nothing", () => {
    const { parameters, optimizers } = optimized(mixed(), { learningRate: 2 });
    const by = moved(parameters, optimizers);
    const betas = [0.9, 0.95] as const;
    for (const name of ["linear.weight", "linear.bias", "bare.weight", "norm1.weight"]) {
      expect(by.get(name), name).toBeCloseTo(adam(0.1, betas), 5);
    }
    expect(Math.abs(adam(0.1, betas) - adam(0.1, [0.9, 0.999]))).toBeGreaterThan(5e-4);
    const tuned = moved(parameters, [fineTuningOptimizer(parameters)]);
    for (const distance of tuned.values()) expect(distance).toBeCloseTo(adam(0.001, betas), 6);
  });
});

describe("the learning rate", () => {
  test("of muon falls with the root of the steps, from what 200 take", () => {
    const rates = [1, 200, 800, 5000].map((steps) =>
      learningRateOf({ optimizer: "muon", batchSize: 256, steps }),
    );
    [0.24, 0.24, 0.12, 0.048].forEach((rate, i) => {
      expect(rates[i]).toBeCloseTo(rate, 12);
    });
  });

  test("of sgd grows with the batch", () => {
    const rates = [64, 256].map((batchSize) =>
      learningRateOf({ optimizer: "sgd", batchSize, steps: 1000 }),
    );
    expect(rates).toEqual([0.05, 0.2]);
  });
});
