import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { compile } from "../../src/engine/program.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import {
  add,
  backward,
  clearGradients,
  type Device,
  manualSeed,
  randn,
  square,
  sum,
  type Tensor,
} from "../../src/torch/index.ts";
import { float32, graph, node } from "../graph/graphs.ts";
import { randomInput } from "../graph/onnxruntime.ts";

const shapes: Record<string, number[]> = {
  a: [3, 4, 1, 1],
  b: [5, 4, 1, 1],
  wide: [2, 4, 3, 3],
  dilated: [2, 4, 3, 3],
  grouped: [4, 2, 1, 1],
  biased: [2, 4, 1, 1],
  bias: [2],
};

/** Convolutions of one tensor, of which only those by `a` and `b` are alike. */
const branches = graph({
  inputs: { x: [2, 4, 6, 5] },
  initializers: Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      float32(shape, [...randomInput(name, shape).values]),
    ]),
  ),
  nodes: [
    node("Conv", ["x", "a"], "a.linear"),
    node("Relu", ["a.linear"], "y.a"),
    node("Conv", ["x", "wide"], "y.wide", { pads: [1, 1, 1, 1] }),
    node("Conv", ["x", "dilated"], "y.dilated", { pads: [2, 2, 2, 2], dilations: [2, 2] }),
    node("Conv", ["x", "b"], "y.b"),
    node("Conv", ["x", "grouped"], "y.grouped", { group: 2 }),
    node("Conv", ["x", "biased", "bias"], "y.biased"),
    node("Conv", ["y.grouped", "a"], "y.later"),
  ],
  outputs: ["y.a", "y.wide", "y.dilated", "y.b", "y.grouped", "y.biased", "y.later"],
});

describe("convolutions of the same tensor", () => {
  test("are one in training on the CPU where they differ in nothing but their weights", () => {
    const facts = inferShapes(branches, new Map([["x", [2, 4, 6, 5]]]));
    const outputs = branches.outputs.map(({ name }) => name);
    const common = { facts, outputs, parameters: Object.keys(shapes) };
    const steps = (options: { training: boolean; device: Device }) =>
      compile(branches, { ...common, ...options }).steps.map((step) => step.outputs);
    const joined = steps({ training: true, device: "cpu" });
    expect(joined).toHaveLength(7);
    expect(joined[0]).toEqual(["a.linear", "y.b"]);
    expect(steps({ training: false, device: "cpu" })).toHaveLength(7);
    expect(steps({ training: true, device: "cuda:0" })).toHaveLength(7);
  });

  test("have the outputs and gradients that they have alone", () => {
    manualSeed(1);
    const x = randn([2, 4, 6, 5]);
    const network = new Network(branches, { trainable: true });
    const run = (training: boolean) => {
      const outputs = Object.entries(network.forward({ x }, { training }));
      backward(outputs.map(([, y]) => sum(square(y))).reduce((a, b) => add(a, b)));
      const gradients = [...network.parameters].map(
        ([name, parameter]) => [name, (parameter.grad as Tensor).numbers()] as const,
      );
      clearGradients([...network.parameters.values()]);
      return [...outputs.map(([name, y]) => [name, y.numbers()] as const), ...gradients];
    };
    const alone = new Map(run(false));
    for (const [name, values] of run(true)) {
      for (const [index, value] of values.entries()) {
        const expected = alone.get(name)?.[index] as number;
        expect(Math.abs(value - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)));
      }
    }
    network.dispose();
  });
});
