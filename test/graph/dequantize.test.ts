// Quantized networks, as floats, against ONNX Runtime on the whole numbers.
import { describe, expect, test } from "vitest";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import type { Graph, Node, TensorData } from "../../src/graph/graph.ts";
import { dequantize } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { float32, graph, int64, node } from "./graphs.ts";
import { encodeOwn, evaluate, randomInput, runModel } from "./onnxruntime.ts";

const scalar = (value: number) => float32([], [value]);
const byte = (value: number) => fromNumbers("uint8", [], [value]);
const signed = (value: number) => fromNumbers("int8", [], [value]);
const whole = (dtype: "uint8" | "int8" | "int32", shape: readonly number[], most = 100) =>
  fromNumbers(
    dtype,
    shape,
    [...randomInput(dtype, shape).values].map((value) =>
      Math.round(Math.max(-most, Math.min(most, 40 * value)) + (dtype === "uint8" ? 128 : 0)),
    ),
  );

const own = (...given: Parameters<typeof node>): Node => ({
  ...node(...given),
  domain: "com.microsoft",
});

/** Holds that what is added to "x" becomes one constant, "f", and that the graph answers as before. */
async function expectOneConstant(model: Graph): Promise<void> {
  const floats = dequantize(model);
  expect(floats.nodes.map(({ operator }) => operator)).toEqual(["Add"]);
  expect([...floats.initializers.keys()]).toEqual(["f"]);
  expect(await evaluate(floats, { x: [1] })).toEqual(await evaluate(model, { x: [1] }));
}

describe("weights", () => {
  test.each([
    ["one scale", 13, [4, 3], scalar(0.1), signed(-3), {}],
    [
      "a scale for each row",
      13,
      [4, 3],
      float32([4], [0.1, 0.2, 0.3, 0.4]),
      undefined,
      { axis: 0 },
    ],
    [
      "a scale for each column, counted back",
      13,
      [2, 4, 3],
      float32([3], [0.1, 0.2, 0.3]),
      fromNumbers("int8", [3], [1, -2, 3]),
      { axis: -1 },
    ],
    [
      "a scale for each column, where no axis is given",
      13,
      [4, 3],
      float32([3], [0.1, 0.2, 0.3]),
      undefined,
      {},
    ],
    [
      "blocks",
      21,
      [4, 3],
      float32([2, 3], [1, 2, 3, 4, 5, 6]),
      undefined,
      { axis: 0, block_size: 2 },
    ],
  ] as const)("become floats: %s", async (_, opset, shape, scale, zero, attributes) => {
    const initializers = { w: whole("int8", shape), scale, ...(zero && { zero }) };
    const inputs = ["w", "scale", ...(zero ? ["zero"] : [])];
    const model = graph({
      inputs: { x: [1] },
      initializers,
      nodes: [node("DequantizeLinear", inputs, "f", attributes), node("Add", ["x", "f"], "y")],
      outputs: ["y"],
      opset,
    });
    await expectOneConstant(model);
  });

  const fine = (shape: readonly number[]) => float32(shape, [...randomInput("w", shape).values]);
  const between = (least: number, most: number) => ({ least: signed(least), most: signed(most) });

  test.each([
    ["one scale", 13, fine([5000, 2]), scalar(0.4), signed(3), {}, between(-2, 5)],
    ["bits without limits", 13, fine([5, 2]), scalar(0.005), signed(0), {}, {}],
    ["no zero point", 13, fine([5, 2]), scalar(0.1), undefined, {}, {}],
    ["ties", 13, float32([6], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]), scalar(1), signed(0), {}, {}],
    [
      "a scale for each row",
      13,
      fine([4, 3]),
      float32([4], [0.2, 0.4, 0.6, 0.8]),
      fromNumbers("int8", [4], [0, 0, 0, 0]),
      { axis: 0 },
      between(-1, 1),
    ],
    [
      "blocks",
      21,
      fine([4, 3]),
      float32([2, 3], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
      fromNumbers("int8", [2, 3], [0, 0, 0, 0, 0, 0]),
      { axis: 0, block_size: 2 },
      between(-1, 1),
    ],
  ] as const)(
    "are rounded and cut off as in the graph: %s",
    async (_, opset, w, scale, zero, attributes, limits) => {
      const by = ["scale", ...(zero ? ["zero"] : [])];
      const isClipped = "most" in limits;
      const model = graph({
        inputs: { x: [1] },
        initializers: { w, scale, ...(zero && { zero }), ...limits },
        nodes: [
          node("QuantizeLinear", ["w", ...by], "q", attributes),
          ...(isClipped ? [node("Clip", ["q", "least", "most"], "c")] : []),
          node("DequantizeLinear", [isClipped ? "c" : "q", ...by], "f", attributes),
          node("Add", ["x", "f"], "y"),
        ],
        outputs: ["y"],
        opset,
      });
      await expectOneConstant(model);
    },
  );

  test("are rounded as in the graph where nodes make them of larger constants", async () => {
    const model = graph({
      inputs: { x: [2] },
      initializers: {
        w: fine([5000, 2]),
        scale: float32([2], [0.4, 0.8]),
        zero: fromNumbers("int8", [2], [0, 0]),
        least: signed(-1),
        most: signed(1),
      },
      nodes: [
        node("Tanh", ["w"], "t"),
        node("QuantizeLinear", ["t", "scale", "zero"], "q"),
        node("Clip", ["q", "least", "most"], "c"),
        node("DequantizeLinear", ["c", "scale", "zero"], "f"),
        node("Mul", ["x", "f"], "y"),
      ],
      outputs: ["y"],
    });
    expect(await evaluate(dequantize(model), { x: [2] })).toEqual(
      await evaluate(model, { x: [2] }),
    );
  });
});

// All of these quantize x by q and give their result the scale and zero point of y.
const named = {
  "x.s": scalar(0.03),
  "x.z": byte(120),
  "y.s": scalar(0.05),
  "y.z": byte(100),
  "w.s": scalar(0.01),
  "w.z": signed(2),
};
const result = ["y.s", "y.z"];
const [xs, ys] = [
  ["q", "x.s", "x.z"],
  ["w", "w.s", "w.z"],
];

interface Case {
  readonly x: readonly number[];
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, TensorData>>;
}

const linear = (operator: string, attributes = {}) => [
  own(operator, [...xs!, ...result], "r", attributes),
];
const columns = {
  "w.s": float32([3], [0.002, 0.004, 0.008]),
  "w.z": fromNumbers("int8", [3], [0, 0, 0]),
};

const cases: readonly (readonly [what: string, Case])[] = [
  [
    "nothing but arranging",
    {
      x: [2, 12],
      nodes: [node("Reshape", ["q", "to"], "r")],
      constants: { to: int64(4, 6), "y.s": named["x.s"], "y.z": named["x.z"] },
    },
  ],
  ...(
    [
      ["Concat", ["q", "q"], { axis: 1 }],
      ["DepthToSpace", ["q"], { blocksize: 2 }],
      ["Flatten", ["q"], {}],
      ["Gather", ["q", "two"], { axis: 2 }],
      ["GatherElements", ["q", "places"], { axis: 3 }],
      ["GatherND", ["q", "rows"], {}],
      ["MaxPool", ["q"], { kernel_shape: [2, 2] }],
      ["ReduceMax", ["q"], { axes: [2, 3] }],
      ["ReduceMin", ["q"], { axes: [1] }],
      ["Resize", ["q", "", "twice"], { mode: "nearest" }],
      ["Slice", ["q", "one", "two", "two"], {}],
      ["Split", ["q"], { axis: 1 }],
      ["Transpose", ["q"], { perm: [0, 3, 1, 2] }],
    ] as const
  ).map(([operator, inputs, attributes]): readonly [string, Case] => [
    `whole numbers that ${operator} arranges or chooses from`,
    {
      x: [1, 4, 4, 3],
      nodes: [node(operator, inputs, operator === "Split" ? ["first", "r"] : "r", attributes)],
      constants: {
        one: int64(1),
        two: int64(2),
        twice: float32([4], [1, 1, 2, 2]),
        places: fromNumbers(
          "int64",
          [1, 4, 4, 1],
          Array.from({ length: 16 }, (_, i) => i % 3),
        ),
        rows: fromNumbers("int64", [2, 3], [0, 3, 1, 0, 0, 2]),
        "y.s": named["x.s"],
        "y.z": named["x.z"],
      },
    },
  ]),
  ...(
    [
      node("Identity", ["q"], "r"),
      own("QLinearLeakyRelu", ["q", ...result, ...result], "r", { alpha: 0.25 }),
      own("QLinearAdd", ["q", ...result, ...xs!, ...result], "r"),
      own("QLinearConcat", [...result, ...xs!, "q", ...result], "r", { axis: 1 }),
      own("QGemm", ["q", ...result, ...ys!, "b", ...result], "r", { transB: 1 }),
    ] as const
  ).map((reader): readonly [string, Case] => [
    `${reader.operator} of another scale and zero point than what it reads was written with`,
    {
      x: [2, 4],
      nodes: [reader],
      constants: { w: whole("int8", [3, 4]), b: whole("int32", [3]) },
    },
  ]),
  [
    "padding with its own zero",
    {
      x: [2, 3],
      nodes: [node("Pad", ["q", "pads", "fill"], "r")],
      constants: {
        pads: int64(0, 1, 0, 1),
        fill: byte(140),
        "y.s": named["x.s"],
        "y.z": named["x.z"],
      },
    },
  ],
  ...(
    [
      ["padding with the whole number 0", [node("Pad", ["q", "pads"], "r")]],
      ["a choice between whole numbers", [node("Where", ["is", "q", "other"], "r")]],
      [
        "parts that were quantized otherwise, put together as whole numbers",
        [
          node("QuantizeLinear", ["x", ...result], "p"),
          node("Concat", ["q", "p"], "r", { axis: 1 }),
        ],
      ],
      [
        "a sum of whole numbers",
        [
          node("Cast", ["q"], "wide", { to: 6 }),
          node("Add", ["wide", "five"], "sum"),
          node("Cast", ["sum"], "r", { to: 2 }),
        ],
      ],
    ] as const
  ).map(([what, nodes]): readonly [string, Case] => [
    what,
    {
      x: [2, 3],
      nodes,
      constants: {
        pads: int64(0, 1, 0, 1),
        is: fromNumbers("bool", [3], [1, 0, 1]),
        other: fromNumbers("uint8", [3], [90, 110, 130]),
        five: fromNumbers("int32", [], [5]),
        "y.s": named["x.s"],
      },
    },
  ]),
  [
    "QLinearConv",
    {
      x: [1, 2, 5, 5],
      nodes: [node("QLinearConv", [...xs!, ...ys!, ...result, "b"], "r", { pads: [1, 1, 1, 1] })],
      constants: { w: whole("int8", [3, 2, 3, 3]), b: whole("int32", [3]) },
    },
  ],
  [
    "QLinearConv with a scale for each channel",
    {
      x: [1, 2, 5, 5],
      nodes: [node("QLinearConv", [...xs!, ...ys!, ...result, "b"], "r")],
      constants: { w: whole("int8", [3, 2, 3, 3]), b: whole("int32", [3]), ...columns },
    },
  ],
  [
    "QLinearMatMul",
    {
      x: [2, 4],
      nodes: [node("QLinearMatMul", [...xs!, ...ys!, ...result], "r")],
      constants: { w: whole("int8", [4, 3]) },
    },
  ],
  [
    "QGemm",
    {
      x: [2, 4],
      nodes: [own("QGemm", [...xs!, ...ys!, "b", ...result], "r", { transB: 1 })],
      constants: { w: whole("int8", [3, 4]), b: whole("int32", [3]) },
    },
  ],
  [
    "QLinearMatMul with a scale for each column",
    {
      x: [2, 4],
      nodes: [node("QLinearMatMul", [...xs!, ...ys!, ...result], "r")],
      constants: { w: whole("int8", [4, 3]), ...columns },
    },
  ],
  ...([0, 1] as const).map((transB): readonly [string, Case] => [
    `QGemm with a scale for each output and a factor, transB ${transB}`,
    {
      x: [2, 4],
      nodes: [
        own("QGemm", [...xs!, ...ys!, "b", ...result], "r", {
          transB,
          alpha: { type: "float", value: 0.5 },
        }),
      ],
      constants: {
        ...columns,
        w: whole("int8", transB ? [3, 4] : [4, 3]),
        b: fromNumbers("int32", [3], [9000, -7000, 5000]),
      },
    },
  ]),
  [
    "QLinearAdd of itself",
    { x: [2, 3], nodes: [own("QLinearAdd", [...xs!, ...xs!, ...result], "r")] },
  ],
  [
    "QLinearMul by a constant",
    {
      x: [2, 3],
      nodes: [own("QLinearMul", [...xs!, "w", "w.s", "x.z", ...result], "r")],
      constants: { w: whole("uint8", [3]) },
    },
  ],
  [
    "QLinearConcat",
    { x: [2, 3], nodes: [own("QLinearConcat", [...result, ...xs!, ...xs!], "r", { axis: 1 })] },
  ],
  [
    "QLinearGlobalAveragePool",
    { x: [2, 3, 4, 4], nodes: linear("QLinearGlobalAveragePool", { channels_last: 0 }) },
  ],
  [
    "QLinearAveragePool",
    { x: [2, 3, 4, 4], nodes: linear("QLinearAveragePool", { kernel_shape: [2, 2] }) },
  ],
  ["QLinearLeakyRelu", { x: [2, 3], nodes: linear("QLinearLeakyRelu", { alpha: 0.25 }) }],
  ["QLinearSoftmax", { x: [2, 3], nodes: linear("QLinearSoftmax", { axis: -1, opset: 13 }) }],
];

const difference = (a: TensorData, b: TensorData) => {
  expect(a.shape).toEqual(b.shape);
  const others = toNumbers(b);
  return Math.max(...toNumbers(a).map((value, i) => Math.abs(value - others[i]!)));
};

/** What both files give for the same random input. */
async function both(
  model: Graph,
  x: readonly number[],
): Promise<readonly [TensorData, TensorData]> {
  const inputs = { x: float32(x, [...randomInput("x", x).values]) };
  const [a, b] = [
    await runModel(encodeOwn(model), inputs),
    await runModel(encodeModel(dequantize(model)), inputs),
  ];
  return [a.y!, b.y!];
}

describe("operators on whole numbers", () => {
  test.each(cases)("are floats: %s", async (_, { x, nodes, constants = {} }) => {
    const initializers = { ...named, ...constants };
    const model = graph({
      inputs: { x },
      initializers,
      nodes: [
        node("QuantizeLinear", ["x", "x.s", "x.z"], "q"),
        ...nodes,
        node("DequantizeLinear", ["r", ...result], "y"),
      ],
      outputs: ["y"],
    });
    const floats = dequantize(model);
    expect(floats.nodes.every(({ domain }) => domain === "")).toBe(true);
    expect(floats.nodes.some(({ operator }) => /Q|Quant|Clip/.test(operator))).toBe(false);
    const [expected, actual] = await both(model, x);
    // The result is rounded to steps of its scale, and so was the input.
    expect(difference(expected, actual)).toBeLessThan(0.05);
    expect(Math.max(...toNumbers(expected).map(Math.abs))).toBeGreaterThan(0.15);
  });

  test.each(cases)("have the shapes and types of ONNX Runtime's results: %s", async (_, given) => {
    const { x, nodes, constants = {} } = given;
    const model = graph({
      inputs: { x },
      initializers: { ...named, ...constants },
      nodes: [node("QuantizeLinear", ["x", "x.s", "x.z"], "q"), ...nodes],
      outputs: ["r"],
    });
    const outputs = [{ name: "r", dtype: "uint8" as const, shape: undefined }];
    const input = { x: float32(x, [...randomInput("x", x).values]) };
    const { r } = await runModel(encodeOwn({ ...model, outputs }), input);
    const { dtype, shape } = inferShapes(model).get("r")!;
    expect({ dtype, shape }).toEqual({ dtype: r!.dtype, shape: r!.shape });
  });

  test("are floats where the range is measured in each run", async () => {
    const constants = { "w.s": scalar(0.01), "w.z": signed(2), b: float32([3], [1, 2, 3]) };
    const convolution = graph({
      inputs: { x: [1, 2, 4, 4] },
      initializers: { ...constants, w: whole("int8", [3, 2, 2, 2]) },
      nodes: [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("Mul", ["s", "w.s"], "scale"),
        node("ConvInteger", ["q", "w", "z", "w.z"], "c"),
        node("Cast", ["c"], "f", { to: 1 }),
        node("Mul", ["f", "scale"], "y"),
      ],
      outputs: ["y"],
    });
    const product = graph({
      inputs: { x: [2, 4] },
      initializers: { ...constants, w: whole("int8", [4, 3]) },
      nodes: [own("DynamicQuantizeMatMul", ["x", "w", "w.s", "w.z", "b"], "y")],
      outputs: ["y"],
    });
    const parts = graph({
      inputs: { x: [2, 4] },
      initializers: { ...constants, w: whole("int8", [4, 3]) },
      nodes: [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        own("MatMulIntegerToFloat", ["q", "w", "s", "w.s", "z", "w.z", "b"], "y"),
      ],
      outputs: ["y"],
    });
    const separate = graph({
      inputs: { x: [2, 4] },
      initializers: { ...constants, w: whole("int8", [4, 3]) },
      nodes: [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z", "w.z"], "c"),
        node("Cast", ["c"], "f", { to: 1 }),
        node("Mul", ["f", "s"], "y"),
      ],
      outputs: ["y"],
    });
    const columnwise = {
      "w.s": float32([3], [0.01, 0.02, 0.04]),
      "w.z": fromNumbers("int8", [3], [2, -30, 50]),
    };
    const byColumn = [product, parts, separate].map((model) => ({
      ...model,
      initializers: new Map([...model.initializers, ...Object.entries(columnwise)]),
    }));
    for (const model of [convolution, product, parts, separate, ...byColumn]) {
      const shape = model.inputs[0]!.shape as number[];
      const [expected, actual] = await both(model, shape);
      const most = Math.max(...toNumbers(expected).map(Math.abs));
      expect(difference(expected, actual) / most).toBeLessThan(0.01);
      expect(inferShapes(model).get("y")).toEqual({ dtype: "float32", shape: expected.shape });
    }
  });

  test.each([
    ["ConvInteger", [1, 2, 4, 4], [3, 2, 2, 2]],
    ["MatMulInteger", [2, 4], [4, 3]],
  ] as const)(
    "are floats where a fixed scale follows their product: %s",
    async (operator, x, w) => {
      const initializers = {
        ...named,
        w: whole("int8", w),
        // Of x and w.
        scale: scalar(0.0003),
        b: fromNumbers("int32", operator === "ConvInteger" ? [3, 1, 1] : [3], [3000, -2000, 1000]),
        "other.z": byte(110),
      };
      const product = (zero: string, ends: readonly Node[]) =>
        graph({
          inputs: { x },
          initializers,
          nodes: [
            node("QuantizeLinear", ["x", "x.s", "x.z"], "q"),
            node(operator, ["q", "w", zero, "w.z"], "c"),
            ...ends,
          ],
          outputs: ["y"],
        });
      const multiplied = [node("Cast", ["c"], "f", { to: 1 }), node("Mul", ["f", "scale"], "y")];
      const dequantized = [node("DequantizeLinear", ["c", "scale"], "y")];
      const biased = [
        node("Add", ["c", "b"], "d"),
        node("Cast", ["d"], "f", { to: 1 }),
        node("Mul", ["f", "scale"], "y"),
      ];
      for (const model of [
        product("x.z", biased),
        product("x.z", multiplied),
        product("x.z", dequantized),
        product("other.z", multiplied),
      ]) {
        const [expected, actual] = await both(model, x);
        const most = Math.max(...toNumbers(expected).map(Math.abs));
        expect(difference(expected, actual) / most).toBeLessThan(0.02);
      }
    },
  );

  const between = (nodes: readonly Node[], dtype: "uint8" | "int8" = "uint8") =>
    graph({
      inputs: { x: [2, 12] },
      initializers: {
        ...named,
        z: dtype === "uint8" ? byte(120) : signed(-10),
        "z.f": scalar(120),
        three: byte(3),
      },
      nodes: [node("QuantizeLinear", ["x", "x.s", "z"], "q"), ...nodes],
      outputs: ["y"],
    });
  const reverse = node("DequantizeLinear", ["r", "x.s", "z"], "y");

  test.each([
    [
      "dequantized by hand",
      between([
        node("Cast", ["q"], "f", { to: 1 }),
        node("Sub", ["f", "z.f"], "c"),
        node("Mul", ["c", "x.s"], "y"),
      ]),
    ],
    ["behind a ReLU of their own", between([node("Relu", ["q"], "r"), reverse], "int8")],
  ])("are floats %s", async (_, model) => {
    expect(dequantize(model).nodes.some(({ operator }) => /Quant/.test(operator))).toBe(false);
    const [expected, actual] = await both(model, [2, 12]);
    expect(difference(expected, actual)).toBeLessThan(0.02);
  });

  test.each([
    ["Mod", between([node("Mod", ["q", "three"], "r"), reverse])],
    ["BitShift", between([node("BitShift", ["q", "three"], "r", { direction: "RIGHT" }), reverse])],
    ["CastLike", between([node("CastLike", ["q", "x.s"], "y")])],
    ["Equal", between([node("Equal", ["q", "z"], "r"), node("Cast", ["r"], "y", { to: 1 })])],
  ])("stay whole for what computes otherwise with them: %s", async (_, model) => {
    const [expected, actual] = await both(model, [2, 12]);
    expect(difference(expected, actual)).toBeLessThan(1e-5);
  });

  test.each([
    ["passed on to them", node("Identity", ["x.s"], "s")],
    ["cast for them", node("Cast", ["x.s"], "s", { to: 1 })],
    ["made of a parameter", node("Abs", ["x.s"], "s")],
    ["computed of constants", node("Div", ["x.s", "x.s"], "s")],
  ])("are floats also where their scale is %s", async (_, scale) => {
    const x = [2, 3];
    const model = graph({
      inputs: { x },
      initializers: named,
      nodes: [
        scale,
        node("QuantizeLinear", ["x", "s", "x.z"], "q"),
        node("DequantizeLinear", ["q", "s", "x.z"], "f"),
        node("Neg", ["f"], "y"),
      ],
      outputs: ["y"],
    });
    expect(dequantize(model).nodes.map(({ operator }) => operator)).toEqual(["Neg"]);
  });

  test("are rounded as in the file where their scale is computed", async () => {
    const x = [2, 3];
    const model = graph({
      inputs: { x },
      initializers: named,
      nodes: [
        node("ReduceMax", ["x"], "s", { keepdims: 0 }),
        node("QuantizeLinear", ["x", "s", "x.z"], "q"),
        node("DequantizeLinear", ["q", "s", "x.z"], "y"),
      ],
      outputs: ["y"],
    });
    const [expected, actual] = await both(model, x);
    expect(toNumbers(actual)).toEqual(toNumbers(expected));
  });

  test("keep the limits of fewer bits, which Brevitas writes", async () => {
    const x = [48, 2];
    const model = graph({
      inputs: { x },
      initializers: {
        s: scalar(0.125),
        z: signed(0),
        least: signed(-8),
        most: signed(7),
        w: float32([1, 2], [1, -1]),
        "w.s": float32([2], [0.25, 0.125]),
        "w.z": fromNumbers("int8", [2], [0, 0]),
      },
      nodes: [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("Clip", ["q", "least", "most"], "r"),
        node("DequantizeLinear", ["r", "s", "z"], "f"),
        node("QuantizeLinear", ["w", "w.s", "w.z"], "w.q", { axis: 1 }),
        node("Clip", ["w.q", "least", "most"], "w.r"),
        node("DequantizeLinear", ["w.r", "w.s", "w.z"], "w.f", { axis: 1 }),
        node("Mul", ["f", "w.f"], "y"),
      ],
      outputs: ["y"],
    });
    const [expected, actual] = await both(model, x);
    const limits = dequantize(model).nodes.map(({ operator, inputs }) => [operator, inputs.length]);
    expect(limits).toEqual([
      ["Clip", 3],
      ["Mul", 2],
    ]);
    expect(Math.max(...toNumbers(expected).map(Math.abs))).toBe(1);
    expect(Math.max(...toNumbers(actual).map(Math.abs))).toBe(1);
    expect(difference(expected, actual)).toBeLessThanOrEqual(0.0625);
  });

  test("are of the type that an attribute says where there is no zero point", async () => {
    const layers = (dtype: number) =>
      graph({
        inputs: { x: [2, 3, 4, 4] },
        initializers: { scale: scalar(0.05) },
        nodes: [
          node("Neg", ["x"], "n"),
          node("QuantizeLinear", ["n", "scale"], "q", { output_dtype: dtype }),
          node("DequantizeLinear", ["q", "scale"], "y"),
        ],
        outputs: ["y"],
        opset: 21,
      });
    for (const [dtype, least] of [
      [3, -1],
      [2, 0],
      [5, -1],
      [4, 0],
    ] as const) {
      const input = { x: [2, 3, 4, 4] };
      const expected = (await evaluate(layers(dtype), input)).y!;
      const actual = (await evaluate(dequantize(layers(dtype)), input)).y!;
      expect(Math.min(...expected.values) < 0).toBe(least < 0);
      expect(Math.min(...actual.values) < 0).toBe(least < 0);
    }
  });

  test("give their weights no name that a tensor has", async () => {
    const x = [2, 4];
    const model = graph({
      inputs: { x },
      initializers: { ...named, w: whole("int8", [4, 3]) },
      nodes: [
        node("Neg", ["x"], "w.float"),
        node("QuantizeLinear", ["w.float", "x.s", "x.z"], "q"),
        node("QLinearMatMul", [...xs!, ...ys!, ...result], "r"),
        node("DequantizeLinear", ["r", ...result], "y"),
      ],
      outputs: ["y"],
    });
    const [expected, actual] = await both(model, x);
    expect(difference(expected, actual)).toBeLessThan(0.05);
  });

  test("stay as they are where their scales are not known", () => {
    const model = graph({
      inputs: { x: [2, 4], s: [] },
      initializers: named,
      nodes: [
        node("QuantizeLinear", ["x", "x.s", "x.z"], "q"),
        node("QLinearMatMul", ["q", "x.s", "x.z", "q", "s", "x.z", ...result], "r"),
        own("QLinearWhere", ["q", "r"], "y"),
      ],
      outputs: ["y"],
    });
    expect(dequantize(model).nodes.at(-1)?.operator).toBe("QLinearWhere");
    expect(dequantize(graph({ nodes: [], outputs: [] })).nodes).toEqual([]);
  });
});

describe("float operators between quantization and its reverse", () => {
  const pair = (x: string, y: string, scale: string, zero: string) => [
    node("QuantizeLinear", [x, scale, zero], `${y}.q`),
    node("DequantizeLinear", [`${y}.q`, scale, zero], y),
  ];
  /** As ONNX Runtime's quantizer writes it: a ReLU is dropped where the least number stands for 0. */
  const network = (opset = 17) =>
    graph({
      inputs: { x: ["N", 2, 4, 4] },
      initializers: {
        w: whole("int8", [3, 2, 3, 3]),
        s: scalar(0.01),
        "x.s": scalar(0.03),
        "x.z": signed(5),
        "r.s": scalar(0.02),
        "r.z": signed(-128),
        v: whole("int8", [4, 3]),
        b: float32([4], [0, 0, 0, 0]),
      },
      nodes: [
        ...pair("x", "x.f", "x.s", "x.z"),
        node("DequantizeLinear", ["w", "s"], "w.f"),
        node("Conv", ["x.f", "w.f"], "r", { pads: [1, 1, 1, 1] }),
        ...pair("r", "r.f", "r.s", "r.z"),
        node("GlobalAveragePool", ["r.f"], "p"),
        ...pair("p", "p.f", "r.s", "r.z"),
        node("Flatten", ["p.f"], "f"),
        node("DequantizeLinear", ["v", "s"], "v.f"),
        node("Gemm", ["f", "v.f", "b"], "y", { transB: 1 }),
      ],
      outputs: ["y"],
      opset,
    });

  test.each([10, 17])("keep the ReLU that the quantizer dropped, opset %i", async (opset) => {
    const model = network(opset);
    const floats = dequantize(model);
    expect(floats.nodes.map(({ operator }) => operator)).toEqual([
      "Conv",
      "Clip",
      "GlobalAveragePool",
      "Flatten",
      "Gemm",
    ]);
    const clip = floats.nodes[1]!;
    expect(clip.outputs).toEqual(["r"]);
    const limits = clip.inputs.slice(1).map((name) => toNumbers(floats.initializers.get(name)!)[0]);
    if (opset > 10) expect(limits).toEqual([0, Math.fround(255 * Math.fround(0.02))]);
    const x = [2, 2, 4, 4];
    const [expected, actual] = await both(model, x);
    const most = Math.max(...toNumbers(expected).map(Math.abs));
    expect(difference(expected, actual) / most).toBeLessThan(0.02);
  });

  const hard = (inWhole: boolean, between: readonly Node[] = []) => {
    const wide = ["n.s", "n.z"];
    const end = between.length > 0 ? "e" : "q.r";
    const layers = inWhole
      ? [
          node("QLinearConv", ["q", "n.s", "n.z", "w", "s", "z", "t.s", "n.z"], "q.r"),
          ...between,
          node("QLinearConv", [end, "t.s", "n.z", "v", "s", "z", ...wide], "q.y"),
          node("DequantizeLinear", ["q.y", ...wide], "y"),
        ]
      : [
          node("DequantizeLinear", ["q", ...wide], "x.f"),
          node("DequantizeLinear", ["w", "s"], "w.f"),
          node("Conv", ["x.f", "w.f"], "r"),
          node("QuantizeLinear", ["r", "t.s", "n.z"], "q.r"),
          ...between,
          node("DequantizeLinear", [end, "t.s", "n.z"], "r.f"),
          node("DequantizeLinear", ["v", "s"], "v.f"),
          node("Conv", ["r.f", "v.f"], "y"),
        ];
    return graph({
      inputs: { x: [2, 2, 4, 4] },
      initializers: {
        s: scalar(0.02),
        z: signed(0),
        "t.s": scalar(1 / 128),
        "n.s": scalar(0.05),
        "n.z": signed(0),
        w: whole("int8", [3, 2, 1, 1], 127),
        v: whole("int8", [2, 3, 1, 1], 127),
      },
      nodes: [node("QuantizeLinear", ["x", ...wide], "q"), ...layers],
      outputs: ["y"],
    });
  };

  test.each([
    ["QDQ", hard(false)],
    ["whole numbers", hard(true)],
    [
      "whole numbers, pooled",
      hard(true, [node("MaxPool", ["q.r"], "e", { kernel_shape: [2, 2] })]),
    ],
  ])("keep the Clip that the quantizer dropped between two layers, in %s", async (_, model) => {
    const floats = dequantize(model);
    const operators = floats.nodes.map(({ operator }) => operator);
    expect(operators.filter((operator) => operator !== "MaxPool")).toEqual([
      "Conv",
      "Clip",
      "Conv",
    ]);
    const { inputs } = floats.nodes[1]!;
    const limits = inputs.slice(1).map((name) => toNumbers(floats.initializers.get(name)!)[0]);
    expect(limits).toEqual([-1, 127 / 128]);
    const [expected, actual] = await both(model, [2, 2, 4, 4]);
    const most = Math.max(...toNumbers(expected).map(Math.abs));
    expect(difference(expected, actual) / most).toBeLessThan(0.05);
  });

  test("are not clipped where a nonlinearity comes before the next layer", () => {
    const by = ["t.s", "n.z"];
    const leaky = own("QLinearLeakyRelu", ["q.r", ...by, ...by], "e", { alpha: 0.25 });
    const operators = dequantize(hard(true, [leaky])).nodes.map(({ operator }) => operator);
    expect(operators).toEqual(["Conv", "LeakyRelu", "Conv"]);
  });

  test("are not clipped before a sum that a ReLU was dropped behind", () => {
    const model = graph({
      inputs: { x: [2, 2, 4, 4] },
      initializers: {
        s: scalar(0.02),
        "n.s": scalar(0.05),
        "n.z": signed(0),
        "r.z": signed(-128),
        w: whole("int8", [2, 2, 1, 1]),
      },
      nodes: [
        node("DequantizeLinear", ["w", "s"], "w.f"),
        node("Conv", ["x", "w.f"], "c"),
        node("QuantizeLinear", ["c", "n.s", "n.z"], "c.q"),
        node("DequantizeLinear", ["c.q", "n.s", "n.z"], "c.f"),
        node("Add", ["c.f", "x"], "a"),
        node("QuantizeLinear", ["a", "n.s", "r.z"], "a.q"),
        node("DequantizeLinear", ["a.q", "n.s", "r.z"], "a.f"),
        node("Conv", ["a.f", "w.f"], "y"),
      ],
      outputs: ["y"],
    });
    const operators = dequantize(model).nodes.map(({ operator }) => operator);
    expect(operators).toEqual(["Conv", "Add", "Clip", "Conv"]);
  });

  test.each<[string, readonly Node[]]>([
    ["Softplus", [node("Softplus", ["r"], "e")]],
    ["Clip", [node("Clip", ["r", "zero", "six"], "e")]],
    ["ReduceMax", [node("Relu", ["r"], "a"), node("ReduceMax", ["a"], "e", { axes: [2, 3] })]],
  ])("are not clipped behind a %s, which is never negative", async (_, between) => {
    const model = graph({
      inputs: { x: [2, 2, 4, 4] },
      initializers: {
        s: scalar(0.02),
        "e.s": scalar(0.05),
        "e.z": signed(-128),
        zero: scalar(0),
        six: scalar(6),
        w: whole("int8", [3, 2, 1, 1]),
        v: whole("int8", [2, 3, 1, 1]),
      },
      nodes: [
        node("DequantizeLinear", ["w", "s"], "w.f"),
        node("Conv", ["x", "w.f"], "r"),
        ...between,
        ...pair("e", "e.f", "e.s", "e.z"),
        node("DequantizeLinear", ["v", "s"], "v.f"),
        node("Conv", ["e.f", "v.f"], "y"),
      ],
      outputs: ["y"],
    });
    const operators = dequantize(model).nodes.map(({ operator }) => operator);
    expect(operators).toEqual(["Conv", ...between.map(({ operator }) => operator), "Conv"]);
    const [expected, actual] = await both(model, [2, 2, 4, 4]);
    const most = Math.max(...toNumbers(expected).map(Math.abs));
    expect(difference(expected, actual) / most).toBeLessThan(0.02);
  });

  test("have the figures and the boundary of the floats", () => {
    const inspection = inspectGraph(network());
    const { warnings } = inspection;
    expect(warnings).toEqual([]);
    expect(inspection).toMatchObject({
      parameters: 54 + 12 + 4,
      macs: 54 * 16 + 12,
      nodes: 12,
      convolutions: 1,
      sequential: true,
      boundary: { tensor: "r", shape: [1, 3, 4, 4] },
    });
    expect(inspection.operators.QuantizeLinear).toBe(3);
  });

  test("read pixels from whole numbers", async () => {
    const model = graph({
      inputs: { x: { dtype: "uint8", shape: [1, 3] } },
      initializers: { s: scalar(1 / 128), z: byte(128) },
      nodes: [node("DequantizeLinear", ["x", "s", "z"], "y")],
      outputs: ["y"],
    });
    const x = fromNumbers("uint8", [1, 3], [0, 128, 255]);
    const { y } = await runModel(encodeModel(dequantize(model)), { x });
    expect(toNumbers(y!)).toEqual([-1, 0, 127 / 128]);
  });
});
