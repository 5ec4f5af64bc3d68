// What a network promises besides its numbers: names, lifetimes, errors, guards.
import { describe, expect, test } from "vitest";
import { assertSupported, Network } from "../../src/engine/index.ts";
import { ModelError } from "../../src/errors.ts";
import type { Node, TensorData } from "../../src/graph/graph.ts";
import {
  backward,
  inferenceMode,
  liveTensors,
  ones,
  parameter,
  scope,
  sum,
  tensor,
} from "../../src/torch/index.ts";
import { float32, graph, int64, node } from "../graph/graphs.ts";
import { evaluate, randomInput, relativeDifference } from "../graph/onnxruntime.ts";
import { smallNetwork } from "./models.ts";
import { agrees, runEngine, toTensors } from "./run.ts";

const image = { image: [2, 3, 8, 8] };

describe("Network", () => {
  test("computes what ONNX Runtime does", async () => {
    expect(await agrees(smallNetwork(), image)).toBe(true);
  });

  test("returns inner tensors by name", async () => {
    const model = smallNetwork();
    const network = new Network(model);
    const { features } = network.forward(toTensors(image), { outputs: ["features"] });
    expect(features?.shape).toEqual([2, 4, 8, 8]);
    const whole = {
      ...model,
      outputs: [{ name: "features", dtype: "float32" as const, shape: undefined }],
    };
    const expected = await evaluate(whole, image);
    const values = Float32Array.from(features!.numbers());
    expect(relativeDifference(expected.features!, { shape: [2, 4, 8, 8], values })).toBeLessThan(
      1e-5,
    );
    expect(() => network.forward(toTensors(image), { outputs: ["nothing"] })).toThrow(
      /no tensor named "nothing"/,
    );
  });

  test("overwrites by a ReLU only what nothing else reads", () => {
    const model = graph({
      inputs: { x: [2] },
      initializers: { b: float32([2], [-1, -1]) },
      nodes: [
        node("Add", ["x", "b"], "sum"),
        node("Relu", ["sum"], "first"),
        node("Add", ["first", "sum"], "both"),
        node("Relu", ["both"], "y"),
      ],
      outputs: ["y"],
    });
    const x = { shape: [2], values: Float32Array.of(0.5, 3) };
    expect([...runEngine(model, { x }).y!.values]).toEqual([0, 4]);
    const shown = scope(() => {
      const { both, y } = new Network(model).forward(toTensors({ x }), { outputs: ["both", "y"] });
      return [both!.numbers(), y!.numbers()];
    });
    expect(shown).toEqual([
      [-0.5, 4],
      [0, 4],
    ]);
  });

  test("keeps no tensor of a pass, and frees its own", () => {
    const before = liveTensors();
    const network = new Network(smallNetwork());
    const run = () => scope(() => inferenceMode(() => void network.forward(toTensors(image))));
    run();
    const afterFirst = liveTensors();
    for (let pass = 0; pass < 5; pass++) run();
    expect(liveTensors()).toBe(afterFirst);
    network.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("leaves the caller's tensors alone, also where a graph hands them through", () => {
    const model = graph({
      inputs: { x: [2] },
      initializers: { w: float32([2], [5, 6]) },
      nodes: [node("Identity", ["x"], "y"), node("Identity", ["w"], "z")],
      outputs: ["y", "z"],
    });
    const network = new Network(model);
    const x = tensor([1, 2]);
    for (let pass = 0; pass < 2; pass++) {
      const { y, z } = network.forward({ x });
      expect([y!.numbers(), z!.numbers()]).toEqual([
        [1, 2],
        [5, 6],
      ]);
      y!.dispose();
      z!.dispose();
    }
    expect(x.numbers()).toEqual([1, 2]);
  });

  test("becomes a graph with the same values", () => {
    const model = smallNetwork();
    const copy = new Network(model).toGraph();
    expect(copy).toEqual(model);
    const network = new Network(model);
    expect([...network.parameters.keys()]).toEqual(
      expect.arrayContaining(["conv1.weight", "bn1.weight", "bn1.bias", "fc.weight", "fc.bias"]),
    );
    expect([...network.buffers.keys()].sort()).toEqual([
      "bn1.running_mean",
      "bn1.running_var",
      "bn2.running_mean",
      "bn2.running_var",
    ]);
  });

  test("keeps shape arithmetic and the numbers of formulas out of the parameters", () => {
    const model = graph({
      inputs: { x: [2, 3, 4] },
      initializers: {
        half: float32([], [0.5]),
        factor: float32([1], [2]),
        scale: float32([4], [1, 2, 3, 4]),
        first: int64(0),
        second: int64(1),
      },
      nodes: [
        node("Shape", ["x"], "sizes"),
        node("Slice", ["sizes", "first", "second"], "batch"),
        node("Cast", ["batch"], "batchFloat", { to: 1 }),
        node("Mul", ["batchFloat", "factor"], "doubled"),
        node("Cast", ["doubled"], "rows", { to: 7 }),
        node("Concat", ["rows", "minusOne"], "shape", { axis: 0 }),
        node("Mul", ["x", "half"], "halved"),
        node("Mul", ["halved", "scale"], "scaled"),
        node("Reshape", ["scaled", "shape"], "y"),
      ],
      outputs: ["y"],
    });
    const initializers = new Map(model.initializers).set("minusOne", int64(-1));
    const network = new Network({ ...model, initializers });
    expect([...network.parameters.keys()]).toEqual(["scale"]);
    expect(network.forward({ x: ones([2, 3, 4]) }).y?.shape).toEqual([4, 6]);
  });

  test("divides whole numbers by -1, the least of them, too, which processors trap on", () => {
    const numbers = { dtype: "int32", shape: [3] } as const;
    const model = graph({
      inputs: { a: numbers, b: numbers },
      nodes: [node("Div", ["a", "b"], "y"), node("Mod", ["a", "b"], "z")],
      outputs: ["y", "z"],
    });
    const least = -(2 ** 31);
    const [a, b] = [
      tensor([7, least, 7], { dtype: "int32" }),
      tensor([-1, -1, -2], { dtype: "int32" }),
    ];
    const { y, z } = new Network(model).forward({ a, b });
    expect(y!.numbers()).toEqual([-7, least, -3]);
    expect(z!.numbers()).toEqual([0, 0, -1]);
  });

  test("reads sizes that depend on data", async () => {
    const model = graph({
      inputs: { x: [2, 3], start: { dtype: "int64", shape: [1] } },
      initializers: { end: int64(9), axis: int64(1) },
      nodes: [node("Slice", ["x", "start", "end", "axis"], "y")],
      outputs: ["y"],
    });
    const x = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] });
    const start = tensor([1], { dtype: "int64" });
    const { y } = new Network(model).forward({ x, start });
    expect(y?.numbers()).toEqual([2, 3, 5, 6]);
  });

  test("takes the branch of an If with a constant condition", () => {
    const branch = (operator: string) =>
      ({
        type: "graph",
        value: graph({ nodes: [node(operator, ["x"], "inner")], outputs: ["inner"] }),
      }) as const;
    const condition = { dtype: "bool", shape: [], data: Uint8Array.of(0) } as const;
    const model = graph({
      inputs: { x: [2] },
      initializers: { condition },
      nodes: [
        node("If", ["condition"], "y", { then_branch: branch("Abs"), else_branch: branch("Neg") }),
      ],
      outputs: ["y"],
    });
    const result = runEngine(model, { x: { shape: [2], values: Float32Array.of(1, -2) } });
    expect([...result.y!.values]).toEqual([-1, 2]);
  });

  test("computes 16-bit floats in 32 bits and writes them back in 16", () => {
    const weight = { dtype: "float16", shape: [2], data: Uint8Array.of(0, 0x3c, 0, 0xc0) } as const;
    const model = graph({
      inputs: { x: { dtype: "float16", shape: [2] } },
      initializers: { weight },
      nodes: [node("Mul", ["x", "weight"], "y")],
      outputs: ["y"],
    });
    const network = new Network(model);
    const { y } = network.forward({ x: tensor([1.5, 3], { dtype: "float16" }) });
    expect([y?.dtype, y?.numbers()]).toEqual(["float32", [1.5, -6]]);
    expect(network.toGraph().initializers.get("weight")).toEqual(weight);
  });
});

describe("bf16 precision", () => {
  test("is close to f32 and returns float32", () => {
    const model = smallNetwork();
    const exact = runEngine(model, image).logits!;
    const rough = runEngine(model, image, { precision: "bf16" }).logits!;
    const difference = relativeDifference(exact, rough);
    expect(difference).toBeLessThan(0.03);
    expect(difference).toBeGreaterThan(1e-6);
  });

  test.each([
    { through: [node("Pad", ["a", "pads"], "b")] },
    { through: [node("Pad", ["a", "pads"], "b", { mode: "reflect" })] },
    { through: [node("Clip", ["a", "", "six"], "b")] },
    { through: [node("LeakyRelu", ["a"], "b", { alpha: 0.1 })] },
    { through: [node("HardSwish", ["a"], "b")] },
    { through: [node("HardSigmoid", ["a"], "b")] },
    { through: [node("ReduceMean", ["a"], "b", { axes: [2, 3], keepdims: 1 })] },
  ])("stays in bf16 through $through.0.operator and an addition behind it", ({ through }) => {
    const model = graph({
      inputs: { x: [1, 4, 6, 6] },
      initializers: {
        w: float32([4, 4, 1, 1], randomValues(16)),
        pads: int64(0, 0, 1, 0, 0, 0, -1, 0),
        six: float32([], [6]),
      },
      nodes: [node("Conv", ["x", "w"], "a"), ...through, node("Add", ["a", "b"], "y")],
      outputs: ["y"],
    });
    const exact = runEngine(model, { x: [1, 4, 6, 6] }).y!;
    const rough = runEngine(model, { x: [1, 4, 6, 6] }, { precision: "bf16" }).y!;
    expect(relativeDifference(exact, rough)).toBeLessThan(0.03);
    const bits = new Uint32Array(Float32Array.from(rough.values).buffer);
    expect(bits.every((value) => value % 2 ** 16 === 0)).toBe(true);
  });

  test("runs operators between the products in f32 where it must", () => {
    const model = graph({
      inputs: { x: [1, 4, 6, 6] },
      initializers: { w: float32([4, 4, 1, 1], randomValues(16)), slope: float32([4, 1, 1]) },
      nodes: [
        node("Conv", ["x", "w"], "a"),
        node("PRelu", ["a", "slope"], "b"),
        node("HardSwish", ["b"], "c"),
        node("LpPool", ["c"], "d", { kernel_shape: [2, 2] }),
        node("Softmax", ["d"], "y"),
      ],
      outputs: ["y"],
    });
    const exact = runEngine(model, { x: [1, 4, 6, 6] }).y!;
    const rough = runEngine(model, { x: [1, 4, 6, 6] }, { precision: "bf16" }).y!;
    expect(relativeDifference(exact, rough)).toBeLessThan(0.03);
  });
});

describe("a convolution, what is added to it, and the ReLU behind", () => {
  const shape = [2, 16, 6, 6];
  const model = (nodes: readonly Node[], outputs = ["y"]) =>
    graph({
      inputs: { x: shape },
      initializers: {
        w: float32([16, 16, 3, 3], randomValues(2304)),
        v: float32([16, 16, 1, 1], randomValues(256)),
        g: float32([16, 4, 3, 3], randomValues(576)),
        row: float32([16, 1, 1], randomValues(16)),
      },
      nodes: [...nodes],
      outputs,
    });
  const conv = (from: string, to: string, attributes = {}) =>
    node("Conv", [from, "w"], to, { pads: [1, 1, 1, 1], ...attributes });

  test.each<[string, Node[], string[]?]>([
    ["alone", [conv("x", "c"), node("Relu", ["c"], "y")]],
    ["with its input", [conv("x", "c"), node("Add", ["c", "x"], "s"), node("Relu", ["s"], "y")]],
    ["behind its input", [conv("x", "c"), node("Add", ["x", "c"], "s"), node("Relu", ["s"], "y")]],
    [
      "with another convolution, of which one is of single pixels",
      [
        conv("x", "c"),
        node("Conv", ["x", "v"], "d"),
        node("Add", ["c", "d"], "s"),
        node("Relu", ["s"], "y"),
      ],
    ],
    ["with itself", [conv("x", "c"), node("Add", ["c", "c"], "s"), node("Relu", ["s"], "y")]],
    ["with a row", [conv("x", "c"), node("Add", ["c", "row"], "s"), node("Relu", ["s"], "y")]],
    [
      "read elsewhere, too",
      [
        conv("x", "c"),
        node("Add", ["c", "x"], "s"),
        node("Relu", ["s"], "r"),
        node("Add", ["r", "c"], "y"),
      ],
    ],
    [
      "whose sum is wanted",
      [conv("x", "c"), node("Add", ["c", "x"], "s"), node("Relu", ["s"], "y")],
      ["s", "y"],
    ],
    [
      "in groups",
      [
        node("Conv", ["x", "g"], "c", { pads: [1, 1, 1, 1], group: 4 }),
        node("Add", ["c", "x"], "s"),
        node("Relu", ["s"], "y"),
      ],
    ],
    [
      "dilated, padded on one side, with strides",
      [
        conv("x", "a", { pads: [2, 2, 2, 2], dilations: [2, 2] }),
        node("Relu", ["a"], "b"),
        conv("b", "c", { pads: [0, 0, 2, 2], strides: [2, 2] }),
        node("Relu", ["c"], "y"),
      ],
    ],
  ])("%s", async (_, nodes, outputs) => {
    const given = model(nodes, outputs);
    expect(await agrees(given, { x: shape })).toBe(true);
    const exact = runEngine(given, { x: shape });
    const rough = runEngine(given, { x: shape }, { precision: "bf16" });
    for (const [name, result] of Object.entries(exact)) {
      expect(relativeDifference(result, rough[name]!)).toBeLessThan(0.03);
    }
  });

  test("passes gradients on to what it is given", () => {
    const given = model([conv("x", "c"), node("Add", ["c", "x"], "s"), node("Relu", ["s"], "y")]);
    const gradient = (precision: "f32" | "bf16") =>
      scope(() => {
        const x = parameter(toTensors({ x: shape }).x!);
        const { y } = new Network(given, { precision }).forward({ x });
        backward(sum(y!));
        return { shape, values: Float32Array.from(x.grad!.numbers()) };
      });
    expect(relativeDifference(gradient("f32"), gradient("bf16"))).toBeLessThan(0.05);
  });
});

function randomValues(count: number): number[] {
  return [...randomInput("weights", [count]).values];
}

describe("what cannot run", () => {
  test("is listed all at once, with the nodes' names", () => {
    const model = graph({
      inputs: { x: [1] },
      nodes: [
        node("Frobnicate", ["x"], "first"),
        { ...node("Fast", ["first"], "second"), domain: "com.example" },
        node("Frobnicate", ["second"], "third"),
        node("Conv", ["third"], "fourth"),
        node("Relu", ["fourth", "x"], "fifth"),
        node("Relu", ["fifth"], "y", { slope: 0.5 }),
      ],
      outputs: ["y"],
    });
    expect(() => assertSupported(model)).toThrow(ModelError);
    expect(() => new Network(model)).toThrowErrorMatchingInlineSnapshot(`
      [ModelError: the engine cannot run this model, in a model of opset 17:
        operator Frobnicate is not supported (nodes "first", "third")
        operator com.example.Fast is not supported (node "second")
        Conv node "fourth": input 2 is missing
        Relu node "fifth": 2 inputs, where 1 are supported
        Relu node "y": the attribute "slope" is not supported]
    `);
  });

  test("is a ModelError that names the node, with libtorch's error as its cause", () => {
    const model = graph({
      inputs: { x: ["n", "c"] },
      initializers: { index: int64(7) },
      nodes: [node("NonZero", ["x"], "places"), node("Gather", ["x", "places"], "y")],
      outputs: ["y"],
    });
    const network = new Network(model);
    expect(() => network.forward({ x: ones([1, 3]) })).toThrow(ModelError);
    expect(() => network.forward({ x: ones([1, 3]) })).toThrow(
      /Gather node "y": aten::index_select/,
    );
  });

  test("is a ModelError in training, too, whatever the node is called", () => {
    const model = graph({
      inputs: { x: ["n", "c"] },
      initializers: { index: int64(7) },
      nodes: [node("Gather", ["x", "index"], "out of memory")],
      outputs: ["out of memory"],
    });
    const network = new Network(model);
    expect(() => network.forward({ x: ones([1, 3]) }, { training: true })).toThrow(ModelError);
  });

  // Processors trap on the first two, which would end the process.
  test.each<[string, Node, Record<string, TensorData>, number, RegExp]>([
    ["a quotient by zero", node("Div", ["a", "b"], "y"), {}, 17, /an integer is divided by zero/],
    ["a rest by zero", node("Mod", ["a", "b"], "y"), {}, 17, /an integer is divided by zero/],
    [
      "norms of single pixels",
      node("BatchNormalization", ["x", "s", "s", "s", "s"], "y", { spatial: 0 }),
      { s: float32([3]) },
      8,
      /"spatial" 0 is not supported/,
    ],
    ["a window of no channels", node("LRN", ["x"], "y", { size: 0 }), {}, 17, /"size" must be/],
  ])("is %s", (_, call, initializers, opset, cause) => {
    const numbers = { dtype: "int64", shape: [2] } as const;
    const model = graph({
      inputs: { x: [1, 3, 2, 2], a: numbers, b: numbers },
      initializers,
      nodes: [call],
      outputs: ["y"],
      opset,
    });
    const [a, b] = [tensor([7, 8], { dtype: "int64" }), tensor([2, 0], { dtype: "int64" })];
    const run = () => new Network(model).forward({ x: ones([1, 3, 2, 2]), a, b });
    expect(run).toThrow(ModelError);
    expect(run).toThrow(cause);
  });

  test("names missing and unknown inputs", () => {
    const network = new Network(smallNetwork());
    expect(() => network.forward({ picture: ones([1]) })).toThrow(
      'expected the inputs "image", received "picture"',
    );
  });

  test("is refused before it runs where it would take all memory or all time", () => {
    const size = { size: int64(40000, 40000) };
    const squares = Array.from({ length: 60 }, (_, i) => `square${i}`);
    const memory = graph({
      initializers: size,
      nodes: [
        ...squares.map((name) => node("ConstantOfShape", ["size"], name)),
        node("Sum", squares, "y"),
      ],
      outputs: ["y"],
    });
    expect(() => new Network(memory).forward({})).toThrow(
      /^ConstantOfShape node "square\d+": [\d.]+ GiB are needed .* GiB are free$/,
    );
    const time = graph({
      initializers: { size: int64(12000, 12000) },
      nodes: [node("ConstantOfShape", ["size"], "a"), node("MatMul", ["a", "a"], "y")],
      outputs: ["y"],
    });
    expect(() => new Network(time).forward({})).toThrow(
      /^one forward pass takes 1.8e\+12 operations, more than the limit of 1e\+12$/,
    );
    const contraction = graph({
      initializers: { size: int64(1, 12000) },
      nodes: [
        node("ConstantOfShape", ["size"], "a"),
        node("Einsum", ["a", "a", "a"], "y", { equation: "...i,...j,...k->..." }),
      ],
      outputs: ["y"],
    });
    expect(() => new Network(contraction).forward({})).toThrow(
      /^one forward pass takes 1.7e\+12 operations, more than the limit of 1e\+12$/,
    );
    const acrossChannels = graph({
      initializers: { size: int64(1, 50000, 1, 1) },
      nodes: [node("ConstantOfShape", ["size"], "a"), node("LRN", ["a"], "y", { size: 50000 })],
      outputs: ["y"],
    });
    expect(() => new Network(acrossChannels).forward({})).toThrow(
      /^one forward pass takes 1.3e\+12 operations, more than the limit of 1e\+12$/,
    );
  });
});
