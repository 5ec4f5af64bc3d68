// Originals of other types, as adopted, against their files in ONNX Runtime.
import { describe, expect, test } from "vitest";
import { adoptModel, ownGraph, takeScores } from "../../src/graph/adopt.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { DataType, Graph, TensorData } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { dequantize, toFloat32Graph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { assertInference } from "../../src/graph/trainingMode.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { attributes, float32, graph, int64, node } from "./graphs.ts";
import { runModel } from "./onnxruntime.ts";

const shape = [3, 8, 8];
const pixels = uniform({ seed: 3, name: "pixels" }, 2 * 192).map((value) =>
  Math.floor(value * 256),
);

const codes: Partial<Record<DataType, number>> = { float32: 1, float16: 10, float64: 11, int32: 6 };

/** Two convolutions and a classifier, `first` between the input and them. */
function network(first: (build: GraphBuilder, x: string) => string = (_, x) => x): Graph {
  const build = new GraphBuilder({ seed: 1 });
  const x = build.input("x", ["N", ...shape]);
  const maps = build.relu(build.conv(first(build, x), { name: "a", outputs: 4, kernel: 3 }));
  const features = build.relu(build.conv(maps, { name: "b", outputs: 6, kernel: 3 }));
  const pooled = build.flatten(build.globalAveragePool(features));
  build.output(build.linear(pooled, { name: "fc", outputs: 4 }), "y");
  return build.build();
}

/** The network with weights of a type, between casts or with inputs and outputs of that type. */
function ofType(dtype: "float16" | "float64", isInside: boolean): Graph {
  const plain = network();
  const initializers = new Map<string, TensorData>(
    [...plain.initializers].map(([name, value]) => [
      name,
      fromNumbers(dtype, value.shape, toNumbers(value)),
    ]),
  );
  const info = <T extends { dtype: DataType }>(value: T): T => ({ ...value, dtype });
  const { inputs, outputs } = plain;
  if (!isInside) {
    return { ...plain, initializers, inputs: inputs.map(info), outputs: outputs.map(info) };
  }
  const nodes = plain.nodes.map((n) => ({
    ...n,
    inputs: n.inputs.map((name) => (name === "x" ? "x.cast" : name)),
    outputs: n.outputs.map((name) => (name === "y" ? "y.cast" : name)),
  }));
  const cast = (from: string, to: string, type: DataType) =>
    node("Cast", [from], to, { to: codes[type]! });
  return {
    ...plain,
    initializers,
    nodes: [cast("x", "x.cast", dtype), ...nodes, cast("y.cast", "y", "float32")],
  };
}

/** Logits of the file for the pixels and of the adopted graph for them divided by 255. */
async function compare(file: Graph, dtype: DataType): Promise<[number[], number[]]> {
  const sizes = [2, ...shape];
  const isPixel = dtype.includes("int");
  const given = isPixel ? pixels : pixels.map((value) => value / 255);
  const adopted = adoptModel(file, { shape, name: "model.onnx" });
  const input = fromNumbers(dtype, sizes, given);
  const images = isPixel ? given.map((value) => value / 255) : toNumbers(input);
  const expected = await runModel(encodeModel(file), { x: input });
  const actual = await runModel(encodeModel(adopted), { x: float32(sizes, [...images]) });
  expect(adopted.inputs[0]?.dtype).toBe("float32");
  expect(actual.y?.dtype).toBe("float32");
  expect(adopted.nodes.map(({ operator }) => operator)).not.toContain("Cast");
  return [toNumbers(actual.y!), toNumbers(expected.y!)];
}

function expectClose([actual, expected]: [number[], number[]], tolerance: number): void {
  const most = Math.max(...expected.map(Math.abs));
  expect(most).toBeGreaterThan(0.01);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value) / most).toBeLessThan(tolerance);
  }
}

describe("an original in another float type", () => {
  test.each([
    ["float16 inside", ofType("float16", true), "float32"],
    ["float16", ofType("float16", false), "float16"],
  ] as const)("%s answers in float32, but for rounding to 11 bits", async (_, file, dtype) => {
    expectClose(await compare(file, dtype), 5e-3);
  });

  test("float16 that ONNX Runtime fused and quantized is read as in float32", async () => {
    const half = (name: string, value: number) =>
      [name, fromNumbers("float16", [], [value])] as const;
    const plain = ofType("float16", true);
    const nodes = plain.nodes.flatMap((each) => {
      if (each.operator !== "Relu") return [each];
      const [x, y] = [each.inputs[0]!, each.outputs[0]!];
      return [
        { ...node("Gelu", [x], `${y}.g`), domain: "com.microsoft" },
        node("QuantizeLinear", [`${y}.g`, "scale", "zero"], `${y}.q`),
        node("DequantizeLinear", [`${y}.q`, "scale", "zero"], y),
      ];
    });
    const initializers = new Map([
      ...plain.initializers,
      half("scale", 0.01),
      ["zero", fromNumbers("uint8", [], [0])] as const,
    ]);
    const file = { ...plain, nodes, initializers, opset: 19 };
    const adopted = adoptModel(file, { shape, name: "fused.onnx" });
    const types = [...adopted.initializers.values()].map(({ dtype }) => dtype);
    expect(types).not.toContain("float16");
    expect(inferShapes(adopted).get("y")).toMatchObject({ dtype: "float32" });
    expect(adopted.nodes.map(({ operator }) => operator)).toContain("Erf");
  });

  test("quantized float16 has its scores found in its own numbers, clipped where a ReLU was dropped", async () => {
    const plain = ofType("float16", false);
    const nodes = plain.nodes.flatMap((each) => {
      if (each.operator !== "Relu") return [each];
      const [x, y] = [each.inputs[0]!, each.outputs[0]!];
      return [
        node("QuantizeLinear", [x, "scale", "zero"], `${y}.q`),
        node("DequantizeLinear", [`${y}.q`, "scale", "zero"], y),
      ];
    });
    const initializers = new Map(plain.initializers)
      .set("scale", fromNumbers("float16", [], [0.01]))
      .set("zero", fromNumbers("uint8", [], [0]));
    const file = { ...plain, nodes, initializers, opset: 19 };
    const floats = dequantize(file);
    expect(floats.nodes.map(({ operator }) => operator)).toContain("Clip");
    expect(inferShapes(floats).get("y")).toMatchObject({ dtype: "float16" });
    const x = fromNumbers(
      "float16",
      [2, ...shape],
      pixels.map((value) => value / 255),
    );
    const run = async (graph: Graph) => toNumbers((await runModel(encodeModel(graph), { x })).y!);
    const answers = await run(file);
    expect(await run(takeScores(ownGraph(file), { shape }))).toEqual(answers);
    expectClose([await run(floats), answers], 0.05);
  });

  test("one score in whole numbers is not taken for the number that it stands for", () => {
    const build = new GraphBuilder({ seed: 4 });
    const x = build.globalAveragePool(build.input("x", ["N", ...shape]));
    const score = build.linear(build.flatten(x), { name: "fc", outputs: 1 });
    const scale = build.initializer("scale", fromNumbers("float32", [], [0.01]));
    const zero = build.initializer("zero", fromNumbers("uint8", [], [128]));
    const y = build.node("QuantizeLinear", [score, scale, zero]);
    build.output(y, "y");
    const scored = takeScores(ownGraph(build.build()), { shape, output: "y" });
    expect(scored.nodes.map(({ operator }) => operator)).not.toContain("Cast");
  });

  test("float64 answers as the same weights in float32", async () => {
    // ONNX Runtime has no convolution of doubles.
    for (const isInside of [true, false]) {
      const adopted = adoptModel(ofType("float64", isInside), { shape, name: "double.onnx" });
      expect(adopted).toEqual(adoptModel(network(), { shape, name: "plain.onnx" }));
    }
  });

  test("bfloat16 takes the values that its weights have", () => {
    const plain = network();
    const brain = new Map(
      [...plain.initializers].map(([name, value]) => [
        name,
        fromNumbers("bfloat16", value.shape, toNumbers(value)),
      ]),
    );
    const adopted = adoptModel({ ...plain, initializers: brain }, { shape, name: "brain.onnx" });
    for (const [name, value] of adopted.initializers) {
      expect(value.dtype).toBe("float32");
      expect(toNumbers(value)).toEqual(toNumbers(brain.get(name)!));
    }
  });

  test("keeps whole numbers", () => {
    const position = graph({
      inputs: { x: { dtype: "float16", shape: ["N", 3] } },
      nodes: [
        node("Cast", ["x"], "f", { to: 1 }),
        node("ArgMax", ["f"], "i", { axis: 1 }),
        node("Cast", ["i"], "y", { to: 10 }),
      ],
      outputs: ["y"],
    });
    const adopted = toFloat32Graph(position);
    expect(adopted.nodes.map(({ operator }) => operator)).toEqual(["ArgMax", "Cast"]);
    expect(adopted.nodes[1]?.attributes.to).toEqual({ type: "int", value: 1 });
  });
});

describe("an original that takes pixels", () => {
  const ofPixels = (dtype: DataType, first: Parameters<typeof network>[0]): Graph => {
    const file = network(first);
    return { ...file, inputs: [{ ...file.inputs[0]!, dtype }] };
  };
  const constant = (build: GraphBuilder, name: string, values: readonly number[]) =>
    build.initializer(
      name,
      float32([values.length, 1, 1].slice(values.length > 1 ? 0 : 3), values),
    );
  const half = (build: GraphBuilder, value: number) =>
    build.initializer("half", fromNumbers("float16", [], [value]));
  const cast = (build: GraphBuilder, x: string, to = 1) =>
    build.node("Cast", [x], { attributes: { to: { type: "int", value: to } } });

  test.each<[string, DataType, Parameters<typeof network>[0], readonly string[]]>([
    [
      "divided by 255",
      "uint8",
      (build, x) => build.node("Div", [cast(build, x), constant(build, "k", [255])]),
      ["Conv"],
    ],
    [
      "as float16, divided by 255",
      "uint8",
      (build, x) =>
        build.node("Cast", [build.node("Div", [cast(build, x, 10), half(build, 255)])], {
          attributes: { to: { type: "int", value: 1 } },
        }),
      ["Conv"],
    ],
    [
      "multiplied by its reciprocal",
      "int32",
      (build, x) => build.node("Mul", [constant(build, "k", [1 / 255]), cast(build, x)]),
      ["Conv"],
    ],
    [
      "normalised each channel",
      "uint8",
      (build, x) => {
        const centred = build.node("Sub", [cast(build, x), constant(build, "m", [123, 116, 103])]);
        return build.node("Div", [centred, constant(build, "s", [58, 57, 57])]);
      },
      ["Mul", "Sub", "Div", "Conv"],
    ],
    [
      "divided by 256",
      "uint8",
      (build, x) => build.node("Div", [cast(build, x), constant(build, "k", [256])]),
      ["Mul", "Div", "Conv"],
    ],
    [
      "read as they are beside the division",
      "uint8",
      (build, x) => {
        const pixels = cast(build, x);
        return build.add(build.node("Div", [pixels, constant(build, "k", [255])]), pixels);
      },
      ["Mul", "Div", "Add", "Conv"],
    ],
    [
      "cast twice",
      "uint8",
      (build, x) =>
        build.node("Div", [cast(build, cast(build, x, 6)), constant(build, "k", [255])]),
      ["Conv"],
    ],
    [
      "cast like a constant",
      "uint8",
      (build, x) => {
        const white = constant(build, "k", [255]);
        return build.node("Div", [build.node("CastLike", [x, white]), white]);
      },
      ["Conv"],
    ],
    [
      "asked for their shape",
      "uint8",
      (build, x) => {
        const sizes = build.node("Shape", [x]);
        const pixels = build.node("Div", [cast(build, x), constant(build, "k", [255])]);
        return build.node("Reshape", [pixels, sizes]);
      },
      ["Reshape", "Conv"],
    ],
    [
      "whose channels are put in another order",
      "uint8",
      (build, x) => {
        const order = build.initializer("order", fromNumbers("int64", [3], [2, 1, 0]));
        const turned = build.node("Gather", [x, order], { attributes: attributes({ axis: 1 }) });
        return build.node("Div", [cast(build, turned), constant(build, "k", [255])]);
      },
      ["Gather", "Conv"],
    ],
  ])("%s takes them from 0 to 1", async (_, dtype, first, begins) => {
    const file = ofPixels(dtype, first);
    expectClose(await compare(file, dtype), 1e-5);
    const adopted = adoptModel(file, { shape, name: "model.onnx" });
    const operators = adopted.nodes.map(({ operator }) => operator);
    expect(operators.slice(0, begins.length)).toEqual(begins);
  });

  test("is refused where the pixels stay whole numbers", () => {
    const file = ofPixels("uint8", (build, x) => cast(build, build.node("Add", [x, x])));
    const adopt = () => adoptModel(file, { shape, name: "model.onnx" });
    expect(adopt).toThrow(/input "x" is uint8, and Add node .* computes with it/);
    const truth = { ...file, inputs: [{ ...file.inputs[0]!, dtype: "bool" as const }] };
    expect(() => adoptModel(truth, { shape, name: "truth.onnx" })).toThrow(/input "x" is bool/);
  });
});

describe("a model in training mode", () => {
  const statistics = { s: float32([3]), b: float32([3]), m: float32([3]), v: float32([3]) };
  const normalization = (opset: number, outputs: string[], attributes = {}) =>
    graph({
      inputs: { x: ["N", ...shape] },
      initializers: statistics,
      nodes: [node("BatchNormalization", ["x", "s", "b", "m", "v"], outputs, attributes)],
      outputs: ["y"],
      opset,
    });
  const dropout = (training: number, ratio = 0.5) =>
    graph({
      inputs: { x: ["N", ...shape] },
      initializers: { r: float32([], [ratio]), t: fromNumbers("bool", [], [training]) },
      nodes: [node("Dropout", ["x", "r", "t"], "y")],
      outputs: ["y"],
    });
  const adopt = (model: Graph) => () => adoptModel(model, { shape, name: "model.onnx" });

  test("is refused, with the line that exports rightly", () => {
    const trained = [
      normalization(15, ["y", "mean", "var"], { training_mode: 1 }),
      normalization(9, ["y", "mean", "var", "saved", "saved2"]),
      dropout(1),
    ];
    for (const model of trained) {
      expect(adopt(model)).toThrow(
        /exported in training mode .*\n {2}model\.eval\(\); torch\.onnx\.export/s,
      );
    }
  });

  test.each([
    ["RandomUniformLike", ["x"]],
    ["StatelessRandomUniformV2", ["sizes", "x"]],
    ["Bernoulli", ["x"]],
  ])("is refused where %s augments the images", (operator, inputs) => {
    const model = graph({
      inputs: { x: ["N", ...shape] },
      initializers: { sizes: int64(1) },
      nodes: [node(operator, inputs, "drawn"), node("Add", ["x", "drawn"], "y")],
      outputs: ["y"],
    });
    expect(adopt(model)).toThrow(
      new RegExp(
        `in training mode, and answers by chance \\(${operator} node "drawn"\\).*model\\.eval\\(\\);.* RandomFlip`,
        "s",
      ),
    );
  });

  test("is none where nothing is left to chance", () => {
    const others = [
      normalization(15, ["y"], { training_mode: 0 }),
      normalization(9, ["y"]),
      dropout(0),
      dropout(1, 0),
    ];
    for (const model of others) expect(() => assertInference(model)).not.toThrow();
  });

  test("is none where a batch norm standardizes weights, as timm's exports have it", () => {
    const weights = node("BatchNormalization", ["w", "s", "b", "m", "v"], ["n", "", ""], {
      training_mode: 1,
    });
    const model = graph({
      inputs: { x: ["N", ...shape] },
      initializers: { ...statistics, w: float32([1, 3, 9]), sizes: int64(1, 3, 3, 3) },
      nodes: [weights, node("Reshape", ["n", "sizes"], "k"), node("Conv", ["x", "k"], "y")],
      outputs: ["y"],
    });
    expect(() => assertInference(model)).not.toThrow();
  });
});
