// Exports for a fixed batch, freed of it: each gives for three images what the file gives for each of them.
import { describe, expect, test } from "vitest";
import { adoptModel } from "../../src/graph/adopt.ts";
import type { Graph, Node, TensorData } from "../../src/graph/graph.ts";
import { foldConstants, freeBatch } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { tensorNames } from "../../src/graph/topology.ts";
import { float32, graph, int64, node } from "./graphs.ts";
import { evaluate, type Result, randomInput } from "./onnxruntime.ts";

interface Case {
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, TensorData>>;
  readonly batch?: number;
  readonly opset?: number;
}

const image = [4, 4, 4] as const;
const random = (shape: readonly number[]) => float32(shape, [...randomInput("w", shape).values]);

function model({ nodes, constants = {}, batch = 1, opset = 18 }: Case): Graph {
  const inputs = { x: [batch, ...image] };
  return graph({ inputs, initializers: constants, nodes, outputs: ["y"], opset });
}

/** The rows of three images, from a file that takes `batch` of them. */
async function rowsOf(file: Graph, batch: number, images: Result): Promise<number[]> {
  const size = images.values.length / 3;
  const rows: number[] = [];
  for (let i = 0; i < 3; i++) {
    const values = Float32Array.from({ length: batch * size }, (_, j) => {
      return images.values[i * size + (j % size)]!;
    });
    const { y } = await evaluate(file, { x: { shape: [batch, ...image], values } });
    rows.push(...y!.values.subarray(0, y!.values.length / batch));
  }
  return rows;
}

const rowsAlike = (batch: number, row: TensorData): TensorData => ({
  ...row,
  shape: row.shape.with(0, batch),
  data: Buffer.concat(Array.from({ length: batch }, () => row.data)),
});

const reshaped = (...target: number[]): Case => ({
  nodes: [node("Reshape", ["x", "s"], "y", { allowzero: 1 })],
  constants: { s: int64(...target) },
});
const row = random([1, 2, 4, 4]);
const pooled = node("GlobalAveragePool", ["x"], "p");

const cases: readonly (readonly [what: string, Case])[] = [
  ["Reshape to the whole shape, allowzero", reshaped(1, 64)],
  ["Reshape with -1, allowzero", reshaped(1, -1)],
  ["Reshape to a size without -1 that counts channels", reshaped(1, 2, 2, 4, 4)],
  ...[1, 2].map((batch): [string, Case] => [
    `Gather of all elements in their order, ${batch} at a time`,
    {
      batch,
      nodes: [
        pooled,
        node("Reshape", ["p", "flat"], "f"),
        node("Gather", ["f", "order"], "g", { axis: 0 }),
        node("Flatten", ["g"], "y"),
      ],
      constants: {
        flat: int64(-1),
        order: fromNumbers("int64", [batch, 4, 1, 1], [...Array(4 * batch).keys()]),
      },
    },
  ]),
  [
    "Reshape that joins images and channels, as ShuffleNet's does",
    {
      nodes: [
        node("Reshape", ["x", "a"], "r"),
        node("Transpose", ["r"], "t", { perm: [1, 0, 2] }),
        node("Reshape", ["t", "b"], "u", { allowzero: 1 }),
        node("Gather", ["u", "one"], "y", { axis: 0 }),
      ],
      constants: {
        a: int64(2, 2, 16),
        b: int64(2, 1, 2, 4, 4),
        one: fromNumbers("int64", [], [1]),
      },
    },
  ],
  [
    "Reshape to rows and back",
    {
      nodes: [
        node("Reshape", ["x", "a"], "r"),
        node("MatMul", ["r", "w"], "m"),
        node("Reshape", ["m", "b"], "y", { allowzero: 1 }),
      ],
      constants: { a: int64(16, 4), b: int64(1, 16, 3), w: random([4, 3]) },
    },
  ],
  [
    "Reshape for a batch of four",
    {
      batch: 4,
      nodes: [pooled, node("Reshape", ["p", "s"], "y")],
      constants: { s: int64(4, 4) },
    },
  ],
  ["Flatten from the batch axis", { nodes: [node("Flatten", ["x"], "y", { axis: 0 })] }],
  [
    "Flatten from the batch axis, counted back",
    { nodes: [node("Flatten", ["x"], "y", { axis: -4 })] },
  ],
  [
    "Expand to the whole shape",
    {
      batch: 4,
      nodes: [pooled, node("Expand", ["p", "s"], "e"), node("Mul", ["x", "e"], "y")],
      constants: { s: int64(4, 4, 4, 4) },
    },
  ],
  [
    "Expand of one image",
    {
      nodes: [pooled, node("Expand", ["p", "s"], "e"), node("Mul", ["x", "e"], "y")],
      constants: { s: int64(1, 4, 4, 4) },
    },
  ],
  [
    "Resize to sizes",
    {
      nodes: [node("Resize", ["x", "", "", "s"], "y", { mode: "linear" })],
      constants: { s: int64(1, 4, 8, 6) },
    },
  ],
  [
    "Resize to sizes, version 11",
    {
      opset: 11,
      nodes: [node("Resize", ["x", "r", "r", "s"], "y")],
      constants: { r: float32([0], []), s: int64(1, 4, 8, 6) },
    },
  ],
  [
    "Slice that ends with the batch",
    {
      nodes: [node("Slice", ["x", "from", "to"], "y")],
      constants: { from: int64(0, 1), to: int64(1, 3) },
    },
  ],
  [
    "Slice of named axes",
    {
      nodes: [node("Slice", ["x", "from", "to", "axes"], "y")],
      constants: { from: int64(1, 0), to: int64(3, 1), axes: int64(1, 0) },
    },
  ],
  [
    "Concat with a constant of one image",
    { nodes: [node("Concat", ["x", "c"], "y", { axis: 1 })], constants: { c: row } },
  ],
  [
    "Concat with a constant in front, axis counted back",
    { nodes: [node("Concat", ["c", "x"], "y", { axis: -3 })], constants: { c: row } },
  ],
  [
    "Concat with ConstantOfShape",
    {
      nodes: [node("ConstantOfShape", ["s"], "c"), node("Concat", ["x", "c"], "y", { axis: 1 })],
      constants: { s: int64(1, 3, 4, 4) },
    },
  ],
  [
    "Concat with a constant of four images alike",
    {
      batch: 4,
      nodes: [node("Concat", ["x", "c"], "y", { axis: 1 })],
      constants: { c: rowsAlike(4, row) },
    },
  ],
  [
    "Add of a constant of four images alike",
    {
      batch: 4,
      nodes: [node("Add", ["x", "c"], "y")],
      constants: { c: rowsAlike(4, random([1, 4, 4, 4])) },
    },
  ],
  [
    "Add of a constant of one image",
    { nodes: [node("Add", ["x", "c"], "y")], constants: { c: random([1, 4, 4, 4]) } },
  ],
  [
    "Gemm with as many inputs as images, whose weights are alike",
    {
      batch: 4,
      nodes: [pooled, node("Flatten", ["p"], "f"), node("Gemm", ["f", "w"], "y")],
      constants: { w: rowsAlike(4, random([1, 3])) },
    },
  ],
  [
    "Gemm with a bias of four images alike",
    {
      batch: 4,
      nodes: [pooled, node("Flatten", ["p"], "f"), node("Gemm", ["f", "w", "b"], "y")],
      constants: { w: random([4, 3]), b: rowsAlike(4, random([1, 3])) },
    },
  ],
  [
    "Tile along the channels",
    { nodes: [node("Tile", ["x", "n"], "y")], constants: { n: int64(1, 2, 1, 1) } },
  ],
];

describe("freeBatch", () => {
  test.each(cases)("%s", async (_, { batch = 1, ...rest }) => {
    const file = model({ ...rest, batch });
    const images = randomInput("x", [3, ...image]);
    const free = freeBatch(file)!;
    expect(free.inputs[0]?.shape?.[0]).toBe("N");
    const expected = await rowsOf(file, batch, images);
    for (const result of [free, foldConstants(free)]) {
      const { y } = await evaluate(result, { x: images });
      expect(y?.shape[0]).toBe(3);
      expect([...y!.values]).toEqual(expected);
    }
  });

  test.each(cases)("takes no name that the file has: %s", (_, given) => {
    const file = model(given);
    const own = tensorNames(file);
    const added = [...tensorNames(freeBatch(file)!)].filter((name) => !own.has(name));
    const others = added.map((name) => node("Relu", ["x"], name));
    const free = freeBatch({ ...file, nodes: [...others, ...file.nodes] })!;
    const made = [...free.initializers.keys(), ...free.nodes.flatMap(({ outputs }) => outputs)];
    expect(made).toEqual([...new Set(made)]);
  });

  const refused: readonly (readonly [what: string, Case])[] = [
    [
      "rows of constants that differ",
      { batch: 2, nodes: [node("Add", ["x", "c"], "y")], constants: { c: random([2, 4, 4, 4]) } },
    ],
    [
      "a product of the images with each other",
      {
        nodes: [
          node("Reshape", ["x", "a"], "r"),
          node("Transpose", ["r"], "t"),
          node("MatMul", ["r", "t"], "y"),
        ],
        constants: { a: int64(4, 16) },
      },
    ],
    [
      "a column of features that a matrix multiplies from the left",
      {
        nodes: [
          pooled,
          node("Reshape", ["p", "a"], "c"),
          node("MatMul", ["w", "c"], "m"),
          node("Reshape", ["m", "b"], "y"),
        ],
        constants: { a: int64(4, 1), b: int64(1, 3), w: random([3, 4]) },
      },
    ],
    [
      "a batch that a reshape puts behind its elements",
      {
        nodes: [
          node("Reshape", ["x", "a"], "r"),
          node("Transpose", ["r"], "t", { perm: [2, 0, 1] }),
          node("Flatten", ["t"], "y"),
        ],
        constants: { a: int64(4, 16, 1) },
      },
    ],
    ["an axis that only one image loses", { nodes: [pooled, node("Squeeze", ["p"], "y")] }],
  ];
  test.each(refused)("gives up on %s", (_, given) => {
    expect(freeBatch(model(given))).toBeUndefined();
  });
});

describe("a model that looks at its images together is refused", () => {
  const mean = node("ReduceMean", ["x"], "m", { keepdims: 1 });
  const head = node("Flatten", ["s"], "y");
  const together: readonly (readonly [string, Case])[] = [
    ["by a mean of the batch", { nodes: [mean, node("Sub", ["x", "m"], "s"), head], opset: 17 }],
    [
      "by its largest value",
      {
        nodes: [node("ReduceMax", ["x"], "m", { keepdims: 0 }), node("Div", ["x", "m"], "s"), head],
        opset: 17,
      },
    ],
    ["by a softmax over it", { nodes: [node("Softmax", ["x"], "s", { axis: 0 }), head] }],
    [
      "by a softmax over all axes, before version 13",
      { nodes: [node("Softmax", ["x"], "s", { axis: 0 }), head], opset: 12 },
    ],
    [
      "by a norm over it",
      { nodes: [node("LpNormalization", ["x"], "s", { axis: 0 }), head], opset: 17 },
    ],
    [
      "by a norm from it on",
      {
        nodes: [node("LayerNormalization", ["x", "g"], "s", { axis: 0 }), head],
        constants: { g: float32([4]) },
        opset: 17,
      },
    ],
    ["by its usual axes", { nodes: [node("MeanVarianceNormalization", ["x"], "s"), head] }],
  ];
  test.each(together)("%s", (_, given) => {
    for (const batch of [1, "N"] as const) {
      const file = model(given);
      const inputs = [{ ...file.inputs[0]!, shape: [batch, ...image] }];
      const adopt = () => adoptModel({ ...file, inputs }, { shape: image, name: "batch.onnx" });
      expect(adopt).toThrow(/batch\.onnx computes with all images of a batch together \(.* node /);
    }
  });

  test("but for the axes of one image", () => {
    const alone = { axes: [1, 2, 3], keepdims: 1 };
    const nodes = [node("ReduceMean", ["x"], "m", alone), node("Sub", ["x", "m"], "s"), head];
    const file = model({ nodes, opset: 17 });
    expect(() => adoptModel(file, { shape: image, name: "alone.onnx" })).not.toThrow();
  });
});

describe("a target that follows the batch, as PyTorch's dynamo exporter writes it", () => {
  const nodes = [
    node("Shape", ["x"], "n", { start: 0, end: 1 }),
    node("ReduceMean", ["x", "axes"], "p", { keepdims: 1 }),
    node("Concat", ["n", "k"], "s", { axis: 0 }),
    node("Reshape", ["p", "s"], "v", { allowzero: 1 }),
    node("Gemm", ["v", "w"], "y", { transB: 1 }),
  ];
  const initializers = { axes: int64(-1, -2), k: int64(4), w: random([3, 4]) };
  const dynamo = graph({
    inputs: { x: ["b", ...image] },
    initializers,
    nodes,
    outputs: ["y"],
    opset: 18,
  });

  test("keeps its meaning where it becomes a constant", async () => {
    const adopted = adoptModel(dynamo, { shape: image, name: "dynamo.onnx" });
    expect(adopted.nodes.map(({ operator }) => operator)).toEqual([
      "ReduceMean",
      "Reshape",
      "Gemm",
    ]);
    expect(inferShapes(adopted, new Map([["x", [5, ...image]]])).get("y")?.shape).toEqual([5, 3]);
    const inputs = { x: [5, ...image] };
    expect(await evaluate(adopted, inputs)).toEqual(await evaluate(dynamo, inputs));
  });
});
