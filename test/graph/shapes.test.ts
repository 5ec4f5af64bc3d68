import { describe, expect, test } from "vitest";
import type { TensorData } from "../../src/graph/graph.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { type attributes, float32, graph, int64, node } from "./graphs.ts";

type Input = readonly number[] | TensorData | undefined;
type Attributes = Parameters<typeof attributes>[0];

/** One operator on inputs that are shapes or constants: the facts of its outputs. */
function infer(
  operator: string,
  inputs: readonly Input[],
  options: { attributes?: Attributes; outputs?: number; opset?: number } = {},
) {
  const names = inputs.map((input, i) => (input ? `x${i}` : ""));
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => `y${i}`);
  const shapes: Record<string, readonly number[]> = {};
  const initializers: Record<string, TensorData> = {};
  inputs.forEach((input, i) => {
    if (input && "dtype" in input) initializers[`x${i}`] = input;
    else if (input) shapes[`x${i}`] = input;
  });
  const facts = inferShapes(
    graph({
      inputs: shapes,
      initializers,
      nodes: [node(operator, names, outputs, options.attributes)],
      outputs,
      opset: options.opset ?? 17,
    }),
  );
  return outputs.map((name) => facts.get(name));
}

const shapesOf = (...args: Parameters<typeof infer>) =>
  infer(...args).map((output) => output?.shape);
const constantOf = (...args: Parameters<typeof infer>) => {
  const value = infer(...args)[0]?.value;
  return value && toNumbers(value);
};

describe("shapes", () => {
  const image = [2, 3, 10, 11];
  test.each<[string, readonly Input[], Attributes, readonly (readonly number[])[]]>([
    ["Conv", [image, [8, 3, 3, 3]], {}, [[2, 8, 8, 9]]],
    ["Conv", [image, [8, 3, 3, 3], [8]], { pads: [1, 1, 1, 1], strides: [2, 2] }, [[2, 8, 5, 6]]],
    ["Conv", [image, [6, 1, 3, 3]], { group: 3, dilations: [2, 3] }, [[2, 6, 6, 5]]],
    ["Conv", [image, [8, 3, 4, 4]], { auto_pad: "SAME_UPPER", strides: [3, 3] }, [[2, 8, 4, 4]]],
    ["Conv", [image, [8, 3, 4, 4]], { auto_pad: "VALID", strides: [3, 3] }, [[2, 8, 3, 3]]],
    ["ConvTranspose", [image, [3, 4, 3, 3]], { strides: [2, 2] }, [[2, 4, 21, 23]]],
    [
      "ConvTranspose",
      [image, [3, 4, 3, 3]],
      { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
      [[2, 4, 20, 22]],
    ],
    [
      "ConvTranspose",
      [image, [3, 2, 3, 3]],
      { strides: [3, 3], output_shape: [30, 33], group: 3 },
      [[2, 6, 30, 33]],
    ],
    ["MaxPool", [image], { kernel_shape: [2, 2], strides: [2, 2] }, [[2, 3, 5, 5]]],
    ["MaxPool", [image], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, [[2, 3, 5, 6]]],
    [
      "AveragePool",
      [[1, 1, 4, 4]],
      { kernel_shape: [1, 1], strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 },
      [[1, 1, 2, 2]],
    ],
    ["GlobalAveragePool", [image], {}, [[2, 3, 1, 1]]],
    ["BatchNormalization", [image, [3], [3], [3], [3]], {}, [image]],
    ["LayerNormalization", [image, [11]], {}, [image]],
    ["GroupNormalization", [[2, 6, 4, 4], [3], [3]], { num_groups: 3 }, [[2, 6, 4, 4]]],
    ["Gemm", [[2, 5], [7, 5], [7]], { transB: 1 }, [[2, 7]]],
    [
      "MatMul",
      [
        [4, 1, 2, 5],
        [3, 5, 7],
      ],
      {},
      [[4, 3, 2, 7]],
    ],
    ["MatMul", [[5], [3, 5, 7]], {}, [[3, 7]]],
    [
      "Einsum",
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
      { equation: "bij, bjk -> bik" },
      [[2, 3, 5]],
    ],
    [
      "Einsum",
      [
        [2, 3, 4],
        [4, 5],
      ],
      { equation: "...j,jk" },
      [[2, 3, 5]],
    ],
    [
      "Add",
      [
        [2, 1, 4],
        [3, 1],
      ],
      {},
      [[2, 3, 4]],
    ],
    ["Where", [fromNumbers("bool", [2, 1], [1, 0]), [1, 3], []], {}, [[2, 3]]],
    ["PRelu", [image, [3, 1, 1]], {}, [image]],
    ["Softmax", [[2, 5]], { axis: -1 }, [[2, 5]]],
    ["Reshape", [[2, 3, 4], int64(0, -1)], {}, [[2, 12]]],
    ["Reshape", [[2, 0, 4], int64(3, 0)], { allowzero: 1 }, [[3, 0]]],
    ["Flatten", [image], {}, [[2, 330]]],
    ["Flatten", [image], { axis: 4 }, [[660, 1]]],
    ["Flatten", [image], { axis: -1 }, [[60, 11]]],
    ["Transpose", [image], { perm: [0, 2, 3, 1] }, [[2, 10, 11, 3]]],
    ["Transpose", [[2, 3, 4]], {}, [[4, 3, 2]]],
    ["Squeeze", [[1, 3, 1, 2]], {}, [[3, 2]]],
    ["Squeeze", [[1, 3, 1, 2], int64(-2)], {}, [[1, 3, 2]]],
    ["Unsqueeze", [[3, 2], int64(-1, 0)], {}, [[1, 3, 2, 1]]],
    ["Expand", [[3, 1], int64(2, 1, 4)], {}, [[2, 3, 4]]],
    ["Tile", [[3, 2], int64(1, 4)], {}, [[3, 8]]],
    [
      "Concat",
      [
        [2, 3],
        [2, 5],
      ],
      { axis: -1 },
      [[2, 8]],
    ],
    [
      "Split",
      [[2, 8]],
      { axis: 1 },
      [
        [2, 4],
        [2, 4],
      ],
    ],
    [
      "Split",
      [[2, 8], int64(3, 5)],
      { axis: 1 },
      [
        [2, 3],
        [2, 5],
      ],
    ],
    ["Pad", [image, int64(0, 0, 1, 2, 0, 0, 3, -4)], {}, [[2, 3, 14, 9]]],
    ["DepthToSpace", [[1, 8, 2, 3]], { blocksize: 2 }, [[1, 2, 4, 6]]],
    ["SpaceToDepth", [[1, 2, 4, 6]], { blocksize: 2 }, [[1, 8, 2, 3]]],
    [
      "Slice",
      [[10, 10], int64(-3, 8), int64(1000, -(2 ** 62)), int64(0, 1), int64(1, -3)],
      {},
      [[3, 3]],
    ],
    [
      "Gather",
      [
        [4, 5, 6],
        [2, 3],
      ],
      { axis: 1 },
      [[4, 2, 3, 6]],
    ],
    [
      "GatherND",
      [
        [4, 5, 6],
        [7, 2],
      ],
      {},
      [[7, 6]],
    ],
    [
      "TopK",
      [[4, 5], int64(3)],
      {},
      [
        [4, 3],
        [4, 3],
      ],
    ],
    ["OneHot", [[2, 3], int64(10), [2]], { axis: 1 }, [[2, 10, 3]]],
    ["ReduceMean", [image], { axes: [2, 3] }, [[2, 3, 1, 1]]],
    ["ReduceMean", [image], { axes: [-1, -2], keepdims: 0 }, [[2, 3]]],
    ["ReduceMax", [image], { keepdims: 0 }, [[]]],
    ["ReduceSum", [image, int64(1)], {}, [[2, 1, 10, 11]]],
    ["ArgMax", [image], { axis: 1, keepdims: 0 }, [[2, 10, 11]]],
    ["Resize", [image, undefined, float32([4], [1, 1, 2, 0.5])], {}, [[2, 3, 20, 5]]],
    ["Resize", [image, undefined, undefined, int64(2, 3, 7, 7)], {}, [[2, 3, 7, 7]]],
    // 0.7 in float32 is a little less than 0.7, but times 10 it is 7 there.
    [
      "Resize",
      [[1, 2, 10, 10], undefined, float32([4], [1, 1, Math.fround(0.7), 1])],
      {},
      [[1, 2, 7, 10]],
    ],
    ["ConstantOfShape", [int64(100, 100)], {}, [[100, 100]]],
    ["RandomNormal", [], { shape: [3, 4] }, [[3, 4]]],
  ])("%s of %j with %j", (operator, inputs, given, expected) => {
    const found = shapesOf(operator, inputs, { attributes: given, outputs: expected.length });
    expect(found).toEqual(expected);
  });

  test("follows the version of the operator set", () => {
    expect(shapesOf("Squeeze", [[1, 3, 1]], { attributes: { axes: [0] }, opset: 11 })).toEqual([
      [3, 1],
    ]);
    expect(
      shapesOf("Slice", [[5, 6]], { attributes: { starts: [1], ends: [4], axes: [1] }, opset: 9 }),
    ).toEqual([[5, 3]]);
    expect(shapesOf("Pad", [[5, 6]], { attributes: { pads: [0, 1, 0, 2] }, opset: 9 })).toEqual([
      [5, 9],
    ]);
    expect(shapesOf("ReduceMean", [[2, 3, 4], int64(2)], { opset: 18 })).toEqual([[2, 3, 1]]);
    expect(
      shapesOf("Split", [[2, 7]], {
        attributes: { axis: 1, num_outputs: 3 },
        outputs: 3,
        opset: 18,
      }),
    ).toEqual([
      [2, 3],
      [2, 3],
      [2, 1],
    ]);
    expect(
      shapesOf("Upsample", [[1, 1, 2, 2]], {
        attributes: { scales: { type: "floats", value: [1, 1, 2, 3] } },
        opset: 7,
      }),
    ).toEqual([[1, 1, 4, 6]]);
    expect(
      shapesOf("GroupNormalization", [[2, 6, 4, 4], [6], [6]], {
        attributes: { num_groups: 3 },
        opset: 21,
      }),
    ).toEqual([[2, 6, 4, 4]]);
  });

  test("leaves out what depends on data", () => {
    expect(infer("NonZero", [[2, 3]])).toEqual([undefined]);
    expect(
      infer("Reshape", [[2, 3], { dtype: "int64", shape: [2], data: int64(3, 2).data }])[0]?.shape,
    ).toEqual([3, 2]);
    const dynamic = graph({
      inputs: { x: [4], target: { dtype: "int64", shape: [2] } },
      nodes: [
        node("Reshape", ["x", "target"], "y"),
        node("Relu", ["y"], "z"),
        node("Relu", ["x"], "w"),
      ],
      outputs: ["z"],
    });
    expect([...inferShapes(dynamic).keys()]).toEqual(["x", "target", "w"]);
  });
});

describe("constants", () => {
  test.each<[string, readonly Input[], Attributes, readonly number[]]>([
    ["Shape", [[2, 3, 4]], {}, [2, 3, 4]],
    ["Shape", [[2, 3, 4]], { start: -2, end: -1 }, [3]],
    ["Size", [[2, 3, 4]], {}, [24]],
    ["Gather", [int64(5, 6, 7), int64(-1, 0)], {}, [7, 5]],
    ["Gather", [float32([2, 2], [1, 2, 3, 4]), int64(1)], { axis: 1 }, [2, 4]],
    ["Concat", [int64(1), int64(2, 3)], { axis: 0 }, [1, 2, 3]],
    [
      "Slice",
      [int64(0, 1, 2, 3, 4), int64(-1), int64(-(2 ** 63)), int64(0), int64(-2)],
      {},
      [4, 2, 0],
    ],
    ["Add", [int64(1, 2), int64(10)], {}, [11, 12]],
    ["Div", [int64(-7, 7), int64(2)], {}, [-3, 3]],
    ["Mod", [int64(-7, 7), int64(3)], {}, [2, 1]],
    ["Mod", [int64(-7, 7), int64(3)], { fmod: 1 }, [-1, 1]],
    ["Min", [int64(4, 1), int64(2, 3)], {}, [2, 1]],
    ["Round", [float32([4], [0.5, 1.5, -0.5, 2.4])], {}, [0, 2, -0, 2]],
    ["Cast", [float32([3], [1.7, -1.7, 0])], { to: 7 }, [1, -1, 0]],
    ["Cast", [int64(0, 5)], { to: 9 }, [0, 1]],
    ["Reshape", [int64(1, 2, 3, 4), int64(2, 2)], {}, [1, 2, 3, 4]],
    ["Transpose", [float32([2, 3], [1, 2, 3, 4, 5, 6])], {}, [1, 4, 2, 5, 3, 6]],
    ["Expand", [int64(1, 2), int64(2, 2)], {}, [1, 2, 1, 2]],
    ["ConstantOfShape", [int64(3)], { value: { type: "tensor", value: int64(7) } }, [7, 7, 7]],
    ["Range", [int64(2), int64(9), int64(3)].map((x) => ({ ...x, shape: [] })), {}, [2, 5, 8]],
    ["Equal", [int64(1, 2), int64(1, 3)], {}, [1, 0]],
    ["Where", [fromNumbers("bool", [2], [1, 0]), int64(1, 2), int64(8, 9)], {}, [1, 9]],
    ["ReduceProd", [int64(2, 3, 4)], {}, [24]],
    ["ReduceMax", [float32([2, 2], [1, 5, 3, 2])], { axes: [1] }, [5, 3]],
    ["ScatterND", [int64(1, 2, 3), fromNumbers("int64", [1, 1], [1]), int64(9)], {}, [1, 9, 3]],
    ["NonZero", [int64(0, 5, 6)], {}, [1, 2]],
    ["Clip", [int64(-3, 3, 9), undefined, { ...int64(5), shape: [] }], {}, [-3, 3, 5]],
    ["Split", [int64(1, 2, 3, 4)], {}, [1, 2, 3, 4]],
  ])("%s of %j with %j", (operator, inputs, given, expected) => {
    expect(constantOf(operator, inputs, { attributes: given })).toEqual(expected);
  });

  test("do not lose 64-bit integers", () => {
    const big = fromNumbers("int64", [1], [2 ** 63]);
    expect(infer("Concat", [big, big], { attributes: { axis: 0 } })[0]?.value?.data).toEqual(
      new Uint8Array([...big.data, ...big.data]),
    );
    expect(constantOf("Add", [big, int64(1)])).toBeUndefined();
    expect(constantOf("Div", [int64(1), int64(0)])).toBeUndefined();
  });

  test("are not computed from weights", () => {
    const weights = float32([64, 64, 3, 3]);
    const [sum] = infer("Add", [weights, weights]);
    expect(sum?.shape).toEqual([64, 64, 3, 3]);
    expect(sum?.value).toBeUndefined();
    expect(infer("Identity", [weights])[0]?.value).toBe(weights);
  });

  test("decide which branch of an If is taken", () => {
    const branch = (operator: string) =>
      ({
        type: "graph",
        value: graph({ nodes: [node(operator, ["x"], "inner")], outputs: ["inner"] }),
      }) as const;
    const conditional = (condition: TensorData | undefined) =>
      graph({
        inputs: { x: [1, 3], ...(!condition && { c: { dtype: "bool", shape: [] } }) },
        initializers: condition ? { c: condition } : {},
        nodes: [
          node("If", ["c"], "y", {
            then_branch: branch("Flatten"),
            else_branch: branch("Squeeze"),
          }),
        ],
        outputs: ["y"],
      });
    expect(inferShapes(conditional(fromNumbers("bool", [], [1]))).get("y")?.shape).toEqual([1, 3]);
    expect(inferShapes(conditional(fromNumbers("bool", [], [0]))).get("y")?.shape).toEqual([3]);
    expect(inferShapes(conditional(undefined)).has("y")).toBe(false);
  });
});

describe("contradictions", () => {
  test.each<[string, readonly Input[], Attributes, RegExp]>([
    [
      "Conv",
      [
        [1, 3, 8, 8],
        [8, 4, 3, 3],
      ],
      {},
      /Conv node "y0".*float32 \[8, 4, 3, 3\].*float32 \[1, 3, 8, 8\]/,
    ],
    [
      "Conv",
      [
        [1, 3, 2, 2],
        [8, 3, 3, 3],
      ],
      {},
      /larger than the padded input/,
    ],
    ["Conv", [[1, 3, 8, 8], [8, 3, 3, 3], [7]], {}, /bias must have shape \[8\]/],
    [
      "Conv",
      [
        [1, 3, 8, 8],
        [8, 3, 3, 3],
      ],
      { strides: [0, 1] },
      /must be positive/,
    ],
    [
      "Conv",
      [
        [1, 3, 8, 8],
        [8, 3, 3, 3],
      ],
      { strides: [1] },
      /"strides" must have 2 values/,
    ],
    [
      "Conv",
      [
        [1, 3, 8, 8],
        [8, 3, 3, 3],
      ],
      { auto_pad: "MAYBE" },
      /"auto_pad" must be/,
    ],
    [
      "Conv",
      [
        [1, 3, 8, 8],
        [8, 3, 3, 3],
      ],
      { group: "two" },
      /must be of type int, but is of type string/,
    ],
    ["Conv", [[1, 3, 8, 8]], {}, /input 2 is missing/],
    ["Add", [[2, 3], [4]], {}, /shapes \[2, 3\] and \[4\] do not fit/],
    ["Add", [[2], int64(1, 2)], {}, /differ in type: float32 and int64/],
    [
      "Gemm",
      [
        [2, 3],
        [4, 5],
      ],
      {},
      /inner sizes 3 and 4/,
    ],
    [
      "MatMul",
      [
        [2, 3],
        [4, 5],
      ],
      {},
      /differ in their inner size/,
    ],
    ["Reshape", [[2, 3], int64(4, -1)], {}, /cannot take the shape \[4,-1\]/],
    ["Reshape", [[2, 3], int64(-1, -1)], {}, /cannot take the shape/],
    [
      "Concat",
      [
        [2, 3],
        [3, 3],
      ],
      { axis: 1 },
      /alike in all axes but axis 1/,
    ],
    ["Transpose", [[2, 3]], { perm: [0, 0] }, /repeat an axis/],
    ["Squeeze", [[2, 3], int64(0)], {}, /is not of size 1/],
    ["BatchNormalization", [[1, 3, 2, 2], [3], [3], [4], [3]], {}, /input 4 must have shape \[3\]/],
    ["Softmax", [[2, 3]], { axis: 2 }, /axis 2 is outside/],
    ["Expand", [[1], int64(2 ** 20, 2 ** 20)], {}, /larger than 2\^31 elements/],
    ["ConstantOfShape", [int64(-1)], {}, /impossible/],
    ["Gather", [int64(1, 2), int64(2)], {}, /axis 2 is outside/],
  ])("%s of %j with %j", (operator, inputs, given, message) => {
    expect(() => infer(operator, inputs, { attributes: given })).toThrow(message);
  });
});

describe("inputs", () => {
  const model = (shape: readonly (number | string)[]) =>
    graph({ inputs: { image: shape }, nodes: [node("Relu", ["image"], "y")], outputs: ["y"] });

  test("take the sizes they are given", () => {
    const given = new Map([["image", [5, 3, 32, 32]]]);
    expect(inferShapes(model(["N", 3, 32, 32]), given).get("y")?.shape).toEqual([5, 3, 32, 32]);
  });

  test("are refused where a size is missing or contradicts", () => {
    expect(() => inferShapes(model([1, 3, "height", 32]))).toThrow(
      /\[1, 3, height, 32\]: axis 2 has no fixed size/,
    );
    expect(() => inferShapes(model([1, 3]), new Map([["image", [1, 4]]]))).toThrow(
      /cannot take a tensor of shape \[1, 4\]/,
    );
  });
});
