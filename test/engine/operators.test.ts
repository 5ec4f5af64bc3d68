// Single operators against ONNX Runtime, where ONNX's own cases are few or older than the operator.
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { randomBits } from "../../src/graph/random.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { backward, parameter, scope, square, sum, tensor } from "../../src/torch/index.ts";
import { float32, graph, int64, node } from "../graph/graphs.ts";
import { randomInput } from "../graph/onnxruntime.ts";
import { agrees, runEngine } from "./run.ts";

type Attributes = Parameters<typeof node>[3];

interface Case {
  readonly x: readonly number[];
  readonly opset: number;
  readonly attributes?: Attributes;
  /** Further inputs; undefined is one that is omitted. */
  readonly others?: readonly (TensorData | undefined)[];
}

function random(shape: readonly number[], name = "weights") {
  return float32(shape, [...randomInput(name, shape).values]);
}

function single(operator: string, { x, opset, attributes = {}, others = [] }: Case): Graph {
  const named = others.map((value, index) => [value ? `input${index}` : "", value] as const);
  return graph({
    inputs: { x },
    initializers: Object.fromEntries(
      named.flatMap(([name, value]) => (value ? [[name, value]] : [])),
    ),
    nodes: [node(operator, ["x", ...named.map(([name]) => name)], "y", attributes)],
    outputs: ["y"],
    opset,
  });
}

const vector = [random([6], "a"), random([6], "b")];
const heads = {
  x: [2, 4, 5, 8],
  opset: 23,
  others: [random([2, 2, 7, 8]), random([2, 2, 7, 8], "v")],
};
const cases: readonly (readonly [operator: string, Case])[] = [
  ["AffineGrid", { x: [2, 2, 3], opset: 20, others: [int64(2, 3, 4, 5)] }],
  [
    "AffineGrid",
    { x: [2, 2, 3], opset: 20, others: [int64(2, 3, 4, 5)], attributes: { align_corners: 1 } },
  ],
  ["Attention", { ...heads }],
  ["Attention", { ...heads, attributes: { scale: 0.3, softcap: 1.5 } }],
  ["Attention", { ...heads, others: [...heads.others, random([5, 7], "mask")] }],
  [
    "Attention",
    {
      ...heads,
      others: [
        ...heads.others,
        fromNumbers(
          "bool",
          [5, 7],
          Array.from({ length: 35 }, (_, i) => Number(i % 3 > 0)),
        ),
      ],
    },
  ],
  [
    "Attention",
    {
      x: [2, 5, 8],
      opset: 23,
      others: [random([2, 5, 8]), random([2, 5, 8], "v")],
      attributes: { q_num_heads: 2, kv_num_heads: 2, is_causal: 1 },
    },
  ],
  ["Attention", { ...heads, attributes: { is_causal: 1 } }],
  // What a mask says is not softened.
  [
    "Attention",
    {
      ...heads,
      others: [...heads.others, random([5, 7], "mask")],
      attributes: { softcap: 0.5 },
    },
  ],
  [
    "BatchNormalization",
    { x: [2, 6], opset: 9, others: [...vector, random([6], "m"), float32([6])] },
  ],
  [
    "BatchNormalization",
    { x: [2, 6, 3, 2, 2], opset: 15, others: [...vector, random([6], "m"), float32([6])] },
  ],
  ["Celu", { x: [3, 40], opset: 12 }],
  ["Clip", { x: [3, 4], opset: 7, attributes: { min: -0.5, max: 0.25 } }],
  ["Clip", { x: [3, 4], opset: 13, others: [undefined, float32([], [0.5])] }],
  [
    "CumSum",
    { x: [3, 4], opset: 14, others: [int64(1)], attributes: { reverse: 1, exclusive: 1 } },
  ],
  ["DepthToSpace", { x: [1, 8, 2, 3], opset: 13, attributes: { blocksize: 2, mode: "CRD" } }],
  [
    "Einsum",
    { x: [3, 4], opset: 12, others: [random([4, 5])], attributes: { equation: "ij, jk -> ki" } },
  ],
  ["Elu", { x: [3, 40], opset: 7 }],
  ["Elu", { x: [3, 40], opset: 7, attributes: { alpha: 0.3 } }],
  ["Gather", { x: [3, 4, 2], opset: 13, others: [int64(-1, 0)], attributes: { axis: 1 } }],
  [
    "Gather",
    { x: [3, 4, 2], opset: 13, others: [fromNumbers("int64", [], [-2])], attributes: { axis: 1 } },
  ],
  [
    "GatherND",
    {
      x: [2, 3, 4],
      opset: 13,
      others: [fromNumbers("int64", [2, 2, 1], [0, -1, 2, 1])],
      attributes: { batch_dims: 1 },
    },
  ],
  ["Gelu", { x: [3, 4], opset: 20 }],
  ["Gelu", { x: [3, 4], opset: 20, attributes: { approximate: "tanh" } }],
  [
    "Gemm",
    {
      x: [3, 4],
      opset: 13,
      others: [random([5, 3]), random([4, 1], "c")],
      attributes: { transA: 1, transB: 1 },
    },
  ],
  ["Gemm", { x: [3, 4], opset: 13, others: [random([4, 5])], attributes: { alpha: 0.5 } }],
  [
    "Gemm",
    {
      x: [3, 4],
      opset: 13,
      others: [random([4, 5]), random([5], "c")],
      attributes: { alpha: 0.5 },
    },
  ],
  [
    "Gemm",
    { x: [3, 4], opset: 13, others: [random([4, 5]), random([5], "c")], attributes: { beta: 0.5 } },
  ],
  [
    "GroupNormalization",
    { x: [2, 6, 3, 3], opset: 21, others: vector, attributes: { num_groups: 3 } },
  ],
  [
    "GroupNormalization",
    { x: [2, 6, 3, 3], opset: 21, others: vector, attributes: { num_groups: 2, epsilon: 0.1 } },
  ],
  [
    "GroupNormalization",
    {
      x: [2, 6, 3, 3],
      opset: 18,
      others: [random([2]), random([2], "b")],
      attributes: { num_groups: 2 },
    },
  ],
  ["GlobalLpPool", { x: [2, 3, 4, 5], opset: 17 }],
  ["GlobalLpPool", { x: [2, 3, 4, 5], opset: 17, attributes: { p: 3 } }],
  ["GlobalMaxPool", { x: [2, 3, 4, 5], opset: 7 }],
  ["HardSigmoid", { x: [3, 40], opset: 7 }],
  ["HardSigmoid", { x: [3, 4], opset: 7, attributes: { alpha: 0.5, beta: 0.6 } }],
  ["HardSwish", { x: [3, 40], opset: 14 }],
  ["InstanceNormalization", { x: [2, 6, 5], opset: 7, others: vector }],
  [
    "InstanceNormalization",
    { x: [2, 6, 5], opset: 7, others: vector, attributes: { epsilon: 0.1 } },
  ],
  [
    "LRN",
    { x: [1, 7, 3, 3], opset: 13, attributes: { size: 5, alpha: 0.5, beta: 0.5, bias: 2.5 } },
  ],
  ["LayerNormalization", { x: [2, 3, 6], opset: 17, others: [vector[0]] }],
  [
    "LayerNormalization",
    {
      x: [2, 4, 6],
      opset: 17,
      others: [random([4, 6]), random([4, 6], "b")],
      attributes: { axis: 1, epsilon: 0.1 },
    },
  ],
  [
    "LayerNormalization",
    { x: [2, 4, 6], opset: 17, others: [random([6]), random([6], "b")], attributes: { axis: -1 } },
  ],
  ["LogSoftmax", { x: [2, 3, 4], opset: 11, attributes: { axis: 1 } }],
  ["LpNormalization", { x: [2, 3, 4], opset: 7, attributes: { axis: 1, p: 1 } }],
  ["MatMul", { x: [2, 1, 3, 4], opset: 13, others: [random([5, 4, 2])] }],
  // More pixels under a window than a byte can count.
  ["MaxPool", { x: [1, 2, 18, 19], opset: 12, attributes: { kernel_shape: [17, 17] } }],
  ["MeanVarianceNormalization", { x: [2, 3, 4, 4], opset: 13 }],
  ["MeanVarianceNormalization", { x: [2, 3, 4], opset: 13, attributes: { axes: [0, 2] } }],
  ["Mish", { x: [3, 4], opset: 18 }],
  ["Mod", { x: [3, 4], opset: 13, others: [random([4])], attributes: { fmod: 1 } }],
  ["PRelu", { x: [2, 3, 4], opset: 16, others: [random([3, 1])] }],
  [
    "Pad",
    {
      x: [2, 3, 4],
      opset: 18,
      others: [int64(1, 2, 0, 1), undefined, int64(-1, 1)],
      attributes: { mode: "reflect" },
    },
  ],
  ["Pad", { x: [2, 3, 4], opset: 18, others: [int64(0, -1, 1, 2, 1, 0), float32([], [7])] }],
  [
    "Pad",
    { x: [2, 3, 4], opset: 19, others: [int64(0, 1, 1, 2, 1, 0)], attributes: { mode: "wrap" } },
  ],
  ["Pad", { x: [2, 3], opset: 7, attributes: { pads: [1, 0, 0, 2], value: 1.5 } }],
  ["Pow", { x: [3, 4], opset: 13, others: [float32([], [2])] }],
  ["RMSNormalization", { x: [2, 3, 6], opset: 23, others: [vector[0]] }],
  [
    "RMSNormalization",
    { x: [2, 4, 6], opset: 23, others: [random([4, 6])], attributes: { axis: 1, epsilon: 0.1 } },
  ],
  ["ReduceL1", { x: [2, 3, 4], opset: 18, others: [int64(0, -1)], attributes: { keepdims: 0 } }],
  [
    "ReduceMax",
    { x: [2, 3, 4], opset: 18, others: [int64()], attributes: { noop_with_empty_axes: 1 } },
  ],
  ["ReduceProd", { x: [2, 3, 4], opset: 13, attributes: { axes: [2, 0], keepdims: 0 } }],
  // 0.7 in float32 is a little less than 0.7, but times 10 it is 7 there.
  [
    "Resize",
    {
      x: [1, 1, 10, 3],
      opset: 19,
      others: [undefined, float32([4], [1, 1, 0.7, 1])],
      attributes: { mode: "linear" },
    },
  ],
  ["ReduceSum", { x: [2, 3, 4], opset: 11, attributes: { axes: [1] } }],
  [
    "ScatterND",
    {
      x: [4, 3],
      opset: 18,
      others: [fromNumbers("int64", [2, 1], [-1, 1]), random([2, 3])],
      attributes: { reduction: "max" },
    },
  ],
  ["Selu", { x: [3, 40], opset: 7 }],
  ["Selu", { x: [3, 40], opset: 7, attributes: { alpha: 1.2, gamma: 0.9 } }],
  ["Shrink", { x: [3, 40], opset: 9 }],
  ["Shrink", { x: [3, 40], opset: 9, attributes: { bias: 0.2, lambd: 0.4 } }],
  [
    "Slice",
    { x: [5, 6], opset: 13, others: [int64(-1, 1), int64(-100, 6), int64(0, 1), int64(-2, 3)] },
  ],
  // Backwards from ahead of the first element.
  [
    "Slice",
    {
      x: [10, 2],
      opset: 13,
      others: [int64(-20), fromNumbers("int64", [1], [-(2 ** 62)]), int64(0), int64(-1)],
    },
  ],
  ["Slice", { x: [5, 6], opset: 7, attributes: { starts: [1], ends: [-1], axes: [1] } }],
  ["Softmax", { x: [2, 3, 4], opset: 7, attributes: { axis: 1 } }],
  ["Softmax", { x: [2, 3, 4], opset: 13, attributes: { axis: 1 } }],
  ["Softplus", { x: [3, 40], opset: 7 }],
  ["Softsign", { x: [3, 40], opset: 7 }],
  ["SpaceToDepth", { x: [1, 2, 4, 6], opset: 13, attributes: { blocksize: 2 } }],
  ["Swish", { x: [3, 4], opset: 24, attributes: { alpha: 1.5 } }],
  ["Swish", { x: [3, 4], opset: 24 }],
  ["ThresholdedRelu", { x: [3, 40], opset: 10, attributes: { alpha: 0.5 } }],
  [
    "Upsample",
    { x: [1, 2, 3, 4], opset: 7, attributes: { scales: [1, 1, 2.5, 1.5], mode: "linear" } },
  ],
  ["Upsample", { x: [1, 2, 3, 4], opset: 9, others: [float32([4], [1, 1, 2, 3])] }],
];

describe("single operators", () => {
  test.each(
    cases.map(
      ([operator, given]) => [operator, given.opset, given.attributes ?? {}, given] as const,
    ),
  )("%s of opset %i with %j", async (operator, _, __, given) => {
    expect(await agrees(single(operator, given), { x: given.x })).toBe(true);
  });

  test("quantizes and back", async () => {
    const scale = float32([3], [0.1, 0.02, 0.5]);
    const zero = fromNumbers("int8", [3], [0, -5, 7]);
    const model = graph({
      inputs: { x: [2, 3, 4] },
      initializers: { scale, zero },
      nodes: [
        node("QuantizeLinear", ["x", "scale", "zero"], "q", { axis: 1 }),
        node("DequantizeLinear", ["q", "scale", "zero"], "y", { axis: 1 }),
      ],
      outputs: ["y"],
      opset: 13,
    });
    expect(await agrees(model, { x: [2, 3, 4] })).toBe(true);
  });

  test("quantizes halves to even numbers, and to bytes from 0 to 255 where no zero point is given", async () => {
    const model = graph({
      inputs: { x: [8] },
      initializers: { scale: float32([], [0.5]), zero: fromNumbers("int8", [], [3]) },
      nodes: [
        node("QuantizeLinear", ["x", "scale"], "bytes"),
        node("DequantizeLinear", ["bytes", "scale"], "y"),
        node("QuantizeLinear", ["x", "scale", "zero"], "signed"),
        node("DequantizeLinear", ["signed", "scale", "zero"], "z"),
      ],
      outputs: ["y", "z"],
    });
    const x = {
      shape: [8],
      values: Float32Array.of(-100, -0.75, -0.25, 0.25, 0.75, 1.25, 70, 200),
    };
    const { y, z } = runEngine(model, { x });
    expect([...y!.values]).toEqual([0, 0, 0, 0, 1, 1, 70, 127.5]);
    expect([...z!.values].map((value) => value + 0)).toEqual([-65.5, -1, 0, 0, 1, 1, 62, 62]);
    expect(await agrees(model, { x })).toBe(true);
  });

  test("samples on a grid", async () => {
    for (const mode of ["linear", "nearest", "cubic"]) {
      for (const padding_mode of ["zeros", "border", "reflection"]) {
        const others = [random([1, 4, 5, 2], "grid")];
        const attributes = { mode, padding_mode, align_corners: 1 };
        const given = { x: [1, 2, 6, 7], opset: 20, others, attributes };
        expect(await agrees(single("GridSample", given), { x: given.x })).toBe(true);
      }
    }
  });
});

describe("Resize", () => {
  const pick = <T>(values: readonly T[], bits: number) => values[bits % values.length]!;
  const draw = (seed: number) => {
    const bits = randomBits({ seed, name: "Resize" }, 8);
    const mode = pick(["nearest", "linear", "cubic"], bits[0]!);
    const coordinates = ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"];
    const lengths = [5 + (bits[1]! % 5), 5 + (bits[2]! % 5)];
    const sizes = [3 + (bits[3]! % 12), 3 + (bits[4]! % 12)];
    const antialias = mode !== "nearest" && bits[5]! % 3 === 0;
    return {
      x: [1, 2, ...lengths],
      opset: 19,
      others: [undefined, undefined, int64(1, 2, ...sizes)],
      attributes: {
        mode,
        coordinate_transformation_mode: antialias ? "half_pixel" : pick(coordinates, bits[6]!),
        ...(mode === "nearest" && {
          nearest_mode: pick(
            ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
            bits[7]!,
          ),
        }),
        ...(mode === "cubic" && { cubic_coeff_a: -0.5, exclude_outside: bits[7]! % 2 }),
        ...(antialias && { antialias: 1 }),
      },
    };
  };

  test("agrees in generated cases", async () => {
    let compared = 0;
    for (let seed = 0; seed < 120; seed++) {
      const given = draw(seed);
      if (await agrees(single("Resize", given), { x: given.x })) compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(100);
  });

  test.each([
    ["fractions", { scales: [1, 1, 0.6, 1.7], mode: "linear" }],
    [
      "the half-pixel symmetric transformation",
      {
        scales: [1, 1, 0.6, 1.7],
        mode: "linear",
        coordinate_transformation_mode: "half_pixel_symmetric",
      },
    ],
  ])("scales by %s", async (_, { scales, ...attributes }) => {
    const others = [undefined, float32([4], scales)];
    const given = { x: [1, 2, 7, 6], opset: 19, others, attributes };
    expect(await agrees(single("Resize", given), { x: given.x })).toBe(true);
  });

  test("crops, and fills what lies outside", async () => {
    const region = float32([8], [0, 0, 0.2, -0.1, 1, 1, 0.9, 1.3]);
    const others = [region, undefined, int64(1, 2, 6, 9)];
    const attributes = {
      mode: "linear",
      coordinate_transformation_mode: "tf_crop_and_resize",
      extrapolation_value: 9.5,
    };
    const given = { x: [1, 2, 7, 6], opset: 18, others, attributes };
    expect(await agrees(single("Resize", given), { x: given.x })).toBe(true);
  });
});

test("a row of zeros stays zeros where its norm divides it, also in gradients", async () => {
  const x = { shape: [2, 3], values: Float32Array.of(0, 0, 0, 3, 0, 4) };
  const normalize = graph({
    inputs: { x: [2, 3] },
    nodes: [node("LpNormalization", ["x"], "y", { axis: 1, p: 2 })],
    outputs: ["y"],
  });
  expect([...runEngine(normalize, { x }).y!.values]).toEqual([0, 0, 0, 0.6, 0, 0.8].map(close));
  // As PyTorch's F.normalize is exported.
  const clipped = graph({
    inputs: { x: [2, 3] },
    initializers: { least: float32([], [1e-12]) },
    nodes: [
      node("ReduceL2", ["x"], "n", { axes: [1], keepdims: 1 }),
      node("Clip", ["n", "least"], "c"),
      node("Div", ["x", "c"], "y"),
    ],
    outputs: ["y"],
  });
  for (const model of [normalize, clipped]) {
    const gradient = scope(() => {
      using network = new Network(model);
      const input = parameter(tensor(x.values, { shape: x.shape }));
      backward(sum(square(network.forward({ x: input }).y!)));
      return input.grad!.numbers();
    });
    expect(gradient.every(Number.isFinite), String(gradient)).toBe(true);
  }
});

function close(value: number): unknown {
  return expect.closeTo(value, 6);
}
