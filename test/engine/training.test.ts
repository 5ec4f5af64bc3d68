// Gradients against finite differences, and what training does to batch norm and dropout.
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { fromNumbers, toFloat32 } from "../../src/graph/tensorData.ts";
import {
  backward,
  clearGradients,
  inferenceMode,
  liveTensors,
  manualSeed,
  ones,
  parameter,
  scope,
  square,
  sum,
  tensor,
} from "../../src/torch/index.ts";
import { float32, graph, node } from "../graph/graphs.ts";
import { randomInput } from "../graph/onnxruntime.ts";
import { smallNetwork } from "./models.ts";
import { toTensors } from "./run.ts";

function random(shape: readonly number[], name = "weights") {
  return float32(shape, [...randomInput(name, shape).values]);
}

/** A graph of one node on x and the given parameters. */
function single(
  operator: string,
  options: {
    x: readonly number[];
    parameters?: Record<string, readonly number[]>;
    attributes?: Record<string, number | string | readonly number[]>;
  },
): Graph {
  const { x, parameters = {}, attributes = {} } = options;
  const entries = Object.entries(parameters);
  return graph({
    inputs: { x },
    initializers: Object.fromEntries(entries.map(([name, shape]) => [name, random(shape, name)])),
    nodes: [node(operator, ["x", ...entries.map(([name]) => name)], "y", attributes)],
    outputs: ["y"],
  });
}

const vectors = { scale: [3], bias: [3], mean: [3], variance: [3] };
const differentiable: Record<string, Graph> = {
  "Conv with uneven padding": single("Conv", {
    x: [2, 4, 5, 5],
    parameters: { w: [6, 2, 3, 3], b: [6] },
    attributes: { group: 2, pads: [1, 0, 2, 1], strides: [2, 1] },
  }),
  ConvTranspose: single("ConvTranspose", {
    x: [1, 2, 3, 3],
    parameters: { w: [2, 3, 3, 3], b: [3] },
    attributes: { pads: [1, 0, 0, 1], strides: [2, 2] },
  }),
  BatchNormalization: single("BatchNormalization", { x: [4, 3, 2, 2], parameters: vectors }),
  MaxPool: single("MaxPool", {
    x: [1, 2, 6, 6],
    attributes: { kernel_shape: [3, 3], pads: [1, 0, 1, 2], strides: [2, 2] },
  }),
  AveragePool: single("AveragePool", {
    x: [1, 2, 6, 6],
    attributes: { kernel_shape: [3, 3], pads: [1, 0, 1, 2] },
  }),
  GlobalAveragePool: single("GlobalAveragePool", { x: [2, 3, 4, 4] }),
  Gemm: single("Gemm", {
    x: [3, 4],
    parameters: { w: [5, 4], b: [5] },
    attributes: { transB: 1, alpha: 0.5, beta: 2 },
  }),
  MatMul: single("MatMul", { x: [2, 3, 4], parameters: { w: [4, 5] } }),
  Add: single("Add", { x: [2, 3, 4], parameters: { b: [3, 1] } }),
  Mul: single("Mul", { x: [2, 3, 4], parameters: { w: [1, 4] } }),
  Concat: single("Concat", { x: [2, 3, 4], parameters: { b: [2, 2, 4] }, attributes: { axis: 1 } }),
  PRelu: single("PRelu", { x: [2, 3, 4], parameters: { slope: [3, 1] } }),
  LayerNormalization: single("LayerNormalization", {
    x: [3, 6],
    parameters: { scale: [6], bias: [6] },
  }),
  InstanceNormalization: single("InstanceNormalization", {
    x: [2, 3, 3, 3],
    parameters: { scale: [3], bias: [3] },
  }),
  LRN: single("LRN", { x: [1, 5, 2, 2], attributes: { size: 3, alpha: 0.5 } }),
  Softmax: single("Softmax", { x: [3, 5] }),
};

// A ReLU runs with the operator before it and overwrites its result.
const mergeable = ["BatchNormalization", "Conv with uneven padding", "Gemm", "Add"];
for (const name of mergeable) {
  const model = differentiable[name]!;
  differentiable[`${name} with ReLU`] = {
    ...model,
    nodes: [
      ...model.nodes.map((call) => ({ ...call, outputs: ["before"] })),
      node("Relu", ["before"], "y"),
    ],
  };
}
differentiable["Conv over a line with ReLU"] = graph({
  inputs: { x: [2, 3, 7] },
  initializers: { w: random([4, 3, 3]) },
  nodes: [node("Conv", ["x", "w"], "before"), node("Relu", ["before"], "y")],
  outputs: ["y"],
});

type Values = Readonly<Record<string, readonly number[]>>;

/** Elements of the input and of the parameters, and directions to move them in. */
function elementsOf(model: Graph, prefix: string): Values {
  const shapes = [
    ["x", model.inputs[0]!.shape as readonly number[]] as const,
    ...[...model.initializers].map(([name, { shape }]) => [name, shape] as const),
  ];
  return Object.fromEntries(
    shapes.map(([name, shape]) => [name, [...randomInput(prefix + name, shape).values]]),
  );
}

/** Sum of the squared outputs in training, in 64 bits, with its gradients. */
function lossAt(model: Graph, values: Values): { loss: number; gradients: Values } {
  const initializers = new Map(
    [...model.initializers].map(([name, { shape }]) => [
      name,
      fromNumbers("float64", shape, values[name]!),
    ]),
  );
  const inputs = model.inputs.map((input) => ({ ...input, dtype: "float64" as const }));
  return scope(() => {
    const network = new Network({ ...model, inputs, initializers }, { trainable: true });
    const shape = model.inputs[0]!.shape as readonly number[];
    const x = parameter(tensor(values.x!, { shape, dtype: "float64" }));
    const { y } = network.forward({ x }, { training: true });
    const loss = sum(square(y!));
    backward(loss);
    const gradients = [["x", x] as const, ...network.parameters].map(
      ([name, tensor]) => [name, tensor.grad!.numbers()] as const,
    );
    const result = { loss: loss.item(), gradients: Object.fromEntries(gradients) };
    network.dispose();
    return result;
  });
}

function moved(values: Values, directions: Values, step: number): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, numbers]) => [
      name,
      numbers.map((number, i) => number + step * directions[name]![i]!),
    ]),
  );
}

describe.each(Object.entries(differentiable))("%s", (_, model) => {
  test("has the gradient that finite differences show", () => {
    const [values, directions] = [elementsOf(model, "at "), elementsOf(model, "towards ")];
    const { gradients } = lossAt(model, values);
    const step = 1e-6;
    const [ahead, behind] = [step, -step].map(
      (s) => lossAt(model, moved(values, directions, s)).loss,
    );
    const slope = (ahead! - behind!) / (2 * step);
    const predicted = Object.entries(gradients).reduce(
      (total, [name, gradient]) =>
        total + gradient.reduce((inner, g, i) => inner + g * directions[name]![i]!, 0),
      0,
    );
    expect(Math.abs(slope - predicted)).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)) + 1e-5);
    expect(Math.abs(slope)).toBeGreaterThan(1e-3);
  });
});

describe("training", () => {
  const image = { image: [4, 3, 8, 8] };

  test("reaches every parameter, by the name of the initializer", () => {
    const network = new Network(smallNetwork(), { trainable: true });
    scope(() =>
      backward(sum(square(network.forward(toTensors(image), { training: true }).logits!))),
    );
    for (const [name, parameter] of network.parameters) {
      const gradient = parameter.grad?.numbers() ?? [];
      expect([name, gradient.some((value) => value !== 0)]).toEqual([name, true]);
    }
    network.dispose();
  });

  test("leaves no tensor behind", () => {
    const network = new Network(smallNetwork(), { trainable: true });
    const step = () =>
      scope(() => {
        const { logits } = network.forward(toTensors(image), { training: true });
        backward(sum(square(logits!)));
        clearGradients([...network.parameters.values()]);
      });
    step();
    const afterFirst = liveTensors();
    for (let i = 0; i < 5; i++) step();
    expect(liveTensors()).toBe(afterFirst);
    network.dispose();
  });

  test("records nothing for parameters that are not trainable", () => {
    const network = new Network(smallNetwork());
    const { logits } = network.forward(toTensors(image));
    expect(logits?.requiresGrad).toBe(false);
    const [x] = Object.values(toTensors(image));
    const image1 = parameter(x!);
    const through = network.forward({ image: image1 }).logits!;
    backward(sum(square(through)));
    expect(image1.grad?.numbers().some((value) => value !== 0)).toBe(true);
    network.dispose();
  });

  test("learns after a pass in inference mode, whose constants it does not take over", () => {
    const model = graph({
      inputs: { x: [2, 3] },
      initializers: {
        w: random([3]),
        index: fromNumbers("int64", [2], [2, 0]),
        two: float32([], [2]),
      },
      nodes: [
        node("Mul", ["x", "w"], "product"),
        node("Gather", ["product", "index"], "picked", { axis: 1 }),
        node("Sqrt", ["two"], "root"),
        node("Mul", ["picked", "root"], "y"),
      ],
      outputs: ["y"],
    });
    const network = new Network(model, { trainable: true });
    inferenceMode(() => network.forward({ x: ones([2, 3]) }));
    backward(sum(square(network.forward({ x: ones([2, 3]) }).y!)));
    expect(network.parameters.get("w")?.grad?.numbers().map(Boolean)).toEqual([true, false, true]);
  });

  test("moves running statistics by the momentum of ONNX, only while training", () => {
    const model = graph({
      inputs: { x: [2, 1, 1, 2] },
      initializers: {
        scale: float32([1], [2]),
        bias: float32([1], [1]),
        mean: float32([1], [10]),
        variance: float32([1], [4]),
      },
      nodes: [
        node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], "normal", {
          momentum: 0.75,
          epsilon: 0.5,
        }),
        node("Relu", ["normal"], "y"),
      ],
      outputs: ["y"],
    });
    const x = tensor([1, 3, 5, 7], { shape: [2, 1, 1, 2] });
    const network = new Network(model, { trainable: true });
    network.forward({ x });
    expect(network.buffers.get("mean")?.numbers()).toEqual([10]);
    const { y } = network.forward({ x }, { training: true });
    // The batch has mean 4, variance 5 and unbiased variance 20 / 3.
    expect(network.buffers.get("mean")?.item()).toBeCloseTo(0.75 * 10 + 0.25 * 4, 5);
    expect(network.buffers.get("variance")?.item()).toBeCloseTo(0.75 * 4 + (0.25 * 20) / 3, 5);
    const expected = [1, 3, 5, 7].map((v) => Math.max(0, (2 * (v - 4)) / Math.sqrt(5.5) + 1));
    y?.numbers().forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
    const mean = network.toGraph().initializers.get("mean")!;
    expect(toFloat32(mean)[0]).toBeCloseTo(8.5, 5);
    // With a weight of its own, the batch moves them by that.
    network.forward({ x }, { training: true, batchWeight: 1 });
    expect(network.buffers.get("mean")?.item()).toBeCloseTo(4, 5);
    expect(network.buffers.get("variance")?.item()).toBeCloseTo(20 / 3, 5);
    network.forward({ x: ones([2, 1, 1, 2]) }, { training: true, batchWeight: 0.5 });
    expect(network.buffers.get("mean")?.item()).toBeCloseTo(2.5, 5);
    // Asked for by name, the tensor between the two is there as well.
    const both = network.forward({ x }, { training: true, outputs: ["normal", "y"] });
    expect(both.normal?.numbers()[0]).toBeCloseTo((2 * (1 - 4)) / Math.sqrt(5.5) + 1, 5);
    network.dispose();
  });

  test("keeps nine tenths of running statistics where the file gives no momentum", () => {
    const statistics = { mean: float32([1], [10]), variance: float32([1], [4]) };
    const model = graph({
      inputs: { x: [2, 1, 1, 2] },
      initializers: { scale: float32([1], [2]), bias: float32([1], [1]), ...statistics },
      nodes: [node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], "y")],
      outputs: ["y"],
    });
    const network = new Network(model, { trainable: true });
    const x = tensor([1, 3, 5, 7], { shape: [2, 1, 1, 2] });
    network.forward({ x }, { training: true });
    expect(network.buffers.get("mean")?.item()).toBeCloseTo(0.9 * 10 + 0.1 * 4, 5);
    expect(network.buffers.get("variance")?.item()).toBeCloseTo(0.9 * 4 + (0.1 * 20) / 3, 5);
    network.dispose();
  });

  const ratio = { ratio: float32([], [0.25]) };
  const always = { ...ratio, training: fromNumbers("bool", [], [1]) };
  test.each<[string, number, Record<string, TensorData>, object, boolean]>([
    ["an input", 17, ratio, {}, false],
    ["an attribute, before opset 12", 10, {}, { ratio: 0.25 }, false],
    ["an input of a file that asks for it always", 17, always, {}, true],
  ])("drops by the ratio while training, given as %s", (_, opset, inputs, attributes, isAlways) => {
    const model = graph({
      inputs: { x: [1000] },
      initializers: inputs,
      nodes: [node("Dropout", ["x", ...Object.keys(inputs)], "y", { ...attributes })],
      outputs: ["y"],
      opset,
    });
    const network = new Network(model);
    manualSeed(3);
    const x = ones([1000]);
    const dropped = network.forward({ x }, { training: true }).y!.numbers();
    const zeros = dropped.filter((value) => value === 0).length;
    expect(zeros).toBeGreaterThan(200);
    expect(zeros).toBeLessThan(300);
    expect(Math.max(...dropped)).toBeCloseTo(4 / 3, 5);
    const isDropped = network.forward({ x }).y!.numbers().includes(0);
    expect(isDropped).toBe(isAlways);
  });

  test("learns in bf16 from gradients that reach float32 weights", () => {
    const gradientsIn = (precision: "f32" | "bf16") => {
      const network = new Network(smallNetwork(), { trainable: true, precision });
      const { logits } = network.forward(toTensors(image), { training: true });
      backward(sum(square(logits!)));
      const weight = network.parameters.get("conv1.weight")!;
      expect(weight.grad?.dtype).toBe("float32");
      return weight.grad!.numbers();
    };
    const [exact, rough] = [gradientsIn("f32"), gradientsIn("bf16")];
    const dot = (a: number[], b: number[]) => a.reduce((total, v, i) => total + v * b[i]!, 0);
    const cosine = dot(exact, rough) / Math.sqrt(dot(exact, exact) * dot(rough, rough));
    expect(cosine).toBeGreaterThan(0.98);
  });

  test.each([
    { what: "pointwise", x: [2, 12, 5, 4], w: [7, 12, 1, 1], strides: [1, 1], pads: [0, 0, 0, 0] },
    { what: "strided", x: [2, 12, 5, 4], w: [7, 12, 1, 1], strides: [2, 3], pads: [0, 0, 0, 0] },
    { what: "small", x: [2, 64, 4, 4], w: [64, 64, 3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
    { what: "halving", x: [2, 64, 8, 7], w: [72, 64, 3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  ])("computes convolutions in bf16 as products of matrices, values and gradients: $what", (of) => {
    const { x: shape, w, strides, pads } = of;
    const parameters = { w, b: [w[0]!] };
    const model = single("Conv", { x: shape, parameters, attributes: { strides, pads } });
    const [exact, rough] = (["f32", "bf16"] as const).map((precision) => {
      const network = new Network(model, { precision, trainable: true });
      const values = scope(() => {
        const x = parameter(toTensors({ x: shape }).x!);
        const { y } = network.forward({ x }, { training: true });
        backward(sum(square(y!)));
        const gradients = [x, ...network.parameters.values()].map(({ grad }) => grad!.numbers());
        return [y!.numbers(), ...gradients];
      });
      network.dispose();
      return values;
    });
    for (const [i, values] of exact!.entries()) {
      const largest = Math.max(...values.map(Math.abs));
      const error = Math.max(...values.map((value, j) => Math.abs(value - rough![i]![j]!)));
      expect(error / largest).toBeLessThan(0.02);
      expect(error).toBeGreaterThan(0);
    }
  });
});
