// A pirate who is simulated while a chain learns: what he is taught, and what the chain hears of him.
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import { cutGraph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { backward, scope, tensor } from "../../src/torch/index.ts";
import { nearest, poolOf, rotations } from "../../tools/resistance/proxies.ts";
import { pirateTerm, simulate, withGradients } from "../../tools/resistance/simulated.ts";
import { images, original } from "../attack/pair.ts";

describe("a task without labels", () => {
  test("tells quarter turns", () => {
    const all = tensor([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4], { shape: [4, 1, 2, 2] });
    const lesson = rotations.lesson(all);
    expect(lesson.labels.numbers()).toEqual([0, 1, 2, 3]);
    expect(lesson.images.numbers()).toEqual([
      ...[1, 2, 3, 4],
      ...[2, 4, 1, 3],
      ...[4, 3, 2, 1],
      ...[3, 1, 4, 2],
    ]);
  });

  test("tells the nearest of some images", () => {
    const shades = (...values: number[]) =>
      tensor(
        values.flatMap((value) => Array<number>(64).fill(value)),
        { shape: [values.length, 1, 8, 8] },
      );
    const task = nearest(shades(0, 1, 5));
    expect(task.classes).toBe(3);
    expect(task.lesson(shades(4, 0.4, 0.6, 2.9, 9, -1)).labels.numbers()).toEqual([
      ...[2, 0, 1, 1, 2, 0],
    ]);
  });
});

describe("a simulated pirate", () => {
  // Logits are W x for the only image x = (1, 2), which is of class 0 while he learns.
  const weight = [0.3, -0.2, 0.5, 0.1];
  const x = [1, 2];
  const build = new GraphBuilder({ seed: 0 });
  const input = build.input("input", ["N", 2]);
  build.output(build.linear(input, { name: "fc", outputs: 2 }), "logits");
  const linear = build.build();
  const graph = {
    ...linear,
    initializers: new Map([
      ...linear.initializers,
      ["fc.weight", fromFloat32([2, 2], Float32Array.from(weight))] as const,
      ["fc.bias", fromFloat32([2], new Float32Array(2))] as const,
    ]),
  };
  const softmax = (w: readonly number[], b: readonly number[]) => {
    const logits = [0, 1].map((k) => w[2 * k]! * x[0]! + w[2 * k + 1]! * x[1]! + b[k]!);
    const powers = logits.map(Math.exp);
    return powers.map((power) => power / (powers[0]! + powers[1]!));
  };

  test("is judged at the weights that he comes to, where the gradient is taken, too", () => {
    const rate = 0.1;
    const { value, gradients } = simulate(
      graph,
      () => ({
        images: tensor(x, { shape: [1, 2] }),
        labels: tensor([0], { dtype: "int64" }),
      }),
      { optimizer: "sgd", learningRate: rate, steps: 1 },
      "f32",
    );
    // One step of Nesterov's momentum moves by 1.9 gradients; the weight decays by 5e-4, the bias does not.
    const before = softmax(weight, [0, 0]);
    const error = [before[0]! - 1, before[1]!];
    const moved = weight.map(
      (w, i) => w - rate * 1.9 * (error[Math.floor(i / 2)]! * x[i % 2]! + 5e-4 * w),
    );
    const after = softmax(
      moved,
      error.map((e) => -rate * 1.9 * e),
    );
    const divergence = -(Math.log(after[0]!) + Math.log(after[1]!)) / 2 - Math.log(2);
    expect(value.item()).toBeCloseTo(divergence, 5);
    const expected = moved.map((_, i) => (after[Math.floor(i / 2)]! - 0.5) * x[i % 2]!);
    for (const [i, gradient] of gradients.get("fc.weight")!.numbers().entries()) {
      expect(gradient).toBeCloseTo(expected[i]!, 5);
    }
  });

  test("adds the gradient at his weights to that at the chain's, and leaves these as they are", async () => {
    const facts = inferShapes(original);
    const { tensor: boundary } = findBoundary(original, facts);
    const { extractor, classifier } = cutGraph(original, boundary, facts);
    using chain = new Network(extractor, { trainable: true });
    const pool = await poolOf(images, { mean: [0.4], std: [0.3] });
    const numbers = () =>
      [...chain.parameters, ...chain.buffers].map(([name, value]) => [name, value.numbers()]);
    const before = numbers();
    const simulation = { optimizer: "muon", learningRate: 0.04, steps: 2, weight: 3 } as const;
    scope(() => {
      for (const number of [0, 1]) {
        const { name, weight, value } = pirateTerm({ chain, classifier, pool }, simulation, number);
        expect([name, weight]).toEqual(["pirate", 3]);
        expect(value.item()).toBeGreaterThan(0);
        backward(value);
      }
      for (const parameter of chain.parameters.values()) {
        expect(parameter.grad!.numbers().some((each) => each !== 0)).toBe(true);
      }
    });
    expect(numbers()).toEqual(before);
    pool.dispose();
  });

  test("is heard by gradients that are given, whatever the parameters are", () => {
    using network = new Network(graph, { trainable: true });
    const given = new Map([["fc.weight", tensor([1, -2, 3, 4], { shape: [2, 2] })]]);
    const term = withGradients(tensor([0.7], { shape: [] }), network.parameters, given);
    expect(term.item()).toBeCloseTo(0.7, 6);
    backward(term);
    expect(network.parameters.get("fc.weight")!.grad!.numbers()).toEqual([1, -2, 3, 4]);
    expect(network.parameters.get("fc.bias")!.grad).toBeUndefined();
  });
});
