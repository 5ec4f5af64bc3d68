import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { canonicalHead, foldConstants } from "../../src/graph/rewrites.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { attributes, float32 } from "./graphs.ts";
import { evaluate, relativeDifference } from "./onnxruntime.ts";
import { inTurn, op, type Step, withIntegers } from "./steps.ts";

const wave = (shape: readonly number[], phase: number) =>
  float32(
    shape,
    Array.from(
      { length: shape.reduce((product, size) => product * size, 1) },
      (_, i) => 0.4 + Math.sin(i * 0.7 + phase) / 2,
    ),
  );
const withConstant =
  (operator: string, shape: readonly number[], isFirst = true): Step =>
  (build, x) => {
    const constant = build.initializer(`${x}.${operator}`, wave(shape, shape.length));
    return build.node(operator, isFirst ? [x, constant] : [constant, x]);
  };
let count = 0;
const layer =
  (outputs: number): Step =>
  (build, x) =>
    build.linear(x, { name: `fc${count++}`, outputs });
const gemm =
  (outputs: number, values: Parameters<typeof attributes>[0], hasBias = true): Step =>
  (build, x) => {
    const inputs = build.shape(x)[1]!;
    const isTransposed = values.transB === 1;
    const shape = isTransposed ? [outputs, inputs] : [inputs, outputs];
    const name = `gemm${count++}`;
    const weight = build.initializer(`${name}.w`, wave(shape, 1));
    const bias = hasBias ? [build.initializer(`${name}.b`, wave([outputs], 2))] : [];
    return build.node("Gemm", [x, weight, ...bias], { attributes: attributes(values) });
  };
const product =
  (outputs: number): Step =>
  (build, x) => {
    const shape = [build.shape(x).at(-1)!, outputs];
    return build.node("MatMul", [x, build.initializer(`${x}.w`, wave(shape, 3))]);
  };
const conv =
  (outputs: number, { kernel = 1, groups = 1, bias = true } = {}): Step =>
  (build, x) =>
    build.conv(x, { name: `conv${count++}`, outputs, kernel, groups, bias });
const norm: Step = (build, x) => {
  const channels = build.shape(x)[1]!;
  const names = ["scale", "shift", "mean", "variance"].map((name, i) =>
    build.initializer(`${x}.${name}`, wave([channels], i)),
  );
  const variance = build.initializer(
    `${x}.positive`,
    float32([channels], Array(channels).fill(0.7)),
  );
  return build.node("BatchNormalization", [x, ...names.slice(0, 3), variance]);
};

const scalar = (build: GraphBuilder, name: string, value: number) =>
  build.initializer(name, float32([], [value]));
const hardSwish: Step = (build, x) => {
  const shifted = build.node("Add", [x, scalar(build, `${x}.three`, 3)]);
  const bounds = [scalar(build, `${x}.zero`, 0), scalar(build, `${x}.six`, 6)];
  const clipped = build.node("Clip", [shifted, ...bounds]);
  const gate = build.node("Mul", [clipped, scalar(build, `${x}.sixth`, 1 / 6)]);
  return build.node("Mul", [x, gate]);
};

const channels = 6;

function head(body: Step, opset = 17): Graph {
  const build = new GraphBuilder({ seed: 5, opset });
  build.output(body(build, build.input("map", ["N", channels, 4, 5])), "logits");
  return foldConstants(build.build());
}

const pooled = inTurn(op("GlobalAveragePool"), op("Flatten"));
const plain = ["GlobalAveragePool", "Flatten", "Gemm"];
const pool = op("GlobalAveragePool");

/** The spellings that exporters have, the operators of the canonical form, and the opset. */
const spellings: readonly [string, Step, readonly string[], number?][] = [
  ["pooling, flattening, a linear layer", inTurn(pooled, layer(3)), plain],
  [
    "a mean without its axes",
    inTurn(op("ReduceMean", { axes: [2, 3], keepdims: 0 }), layer(3)),
    plain,
  ],
  [
    "a mean from behind, reshaped",
    inTurn(op("ReduceMean", { axes: [-1, -2] }), withIntegers("Reshape", [-1, channels]), layer(3)),
    plain,
  ],
  [
    "a mean by input",
    inTurn(withIntegers("ReduceMean", [2, 3], { keepdims: 0 }), layer(3)),
    plain,
    18,
  ],
  [
    "a window of the map's size, squeezed",
    inTurn(op("AveragePool", { kernel_shape: [4, 5] }), withIntegers("Squeeze", [2, 3]), layer(3)),
    plain,
  ],
  ["squeezing by attribute", inTurn(pool, op("Squeeze", { axes: [2, 3] }), layer(3)), plain, 11],
  ["dropout", inTurn(pooled, op("Dropout"), layer(3)), plain],
  ["a product and a sum", inTurn(pooled, product(3), withConstant("Add", [3])), plain],
  [
    "a sum from the other side",
    inTurn(pooled, product(3), withConstant("Add", [1, 3], false)),
    plain,
  ],
  ["a product alone", inTurn(pooled, product(3)), plain],
  ["a layer without bias", inTurn(pooled, gemm(3, { transB: 1 }, false)), plain],
  ["a layer with factors", inTurn(pooled, gemm(3, { transB: 0, alpha: 0.5, beta: 2.5 })), plain],
  ["a convolution of pooled features", inTurn(pool, conv(3), op("Flatten")), plain],
  [
    "a convolution without bias",
    inTurn(pool, conv(3, { bias: false }), withIntegers("Reshape", [0, -1])),
    plain,
  ],
  [
    "a grouped convolution",
    inTurn(pool, conv(4, { groups: 2 }), op("Flatten"), layer(3)),
    [...plain, "Gemm"],
  ],
  [
    "a convolution of logits [N, C, 1, 1]",
    inTurn(pool, conv(3), op("Softmax", { axis: 1 }), op("Flatten")),
    [...plain, "Softmax"],
  ],
  [
    "a hidden convolution",
    inTurn(pool, conv(7), op("HardSwish"), op("Flatten"), layer(3)),
    [...plain, "HardSwish", "Gemm"],
  ],
  [
    "a convolution that sees the whole map",
    (build, x) =>
      op("Flatten")(
        build,
        build.conv(x, { name: "whole", outputs: 3, kernel: [4, 5], bias: true }),
      ),
    ["Flatten", "Gemm"],
  ],
  ["no pooling", inTurn(op("Flatten"), layer(3)), ["Flatten", "Gemm"]],
  [
    "hard-swish as Keras spells it, behind a convolution with channels last",
    inTurn(pool, conv(7), withIntegers("Reshape", [-1, 1, 1, 7]), hardSwish, (build, x) => {
      const logits = conv(3)(build, withIntegers("Reshape", [-1, 7, 1, 1])(build, x));
      return op("Flatten")(build, logits);
    }),
    [...plain, "Mul", "Add", "Clip", "Mul", "Add", "Mul", "Gemm"],
  ],
  [
    "clipped logits by attribute",
    inTurn(pooled, layer(3), op("Clip", { min: -0.25, max: 0.25 })),
    [...plain, "Clip"],
    10,
  ],
  [
    "no pooling, reshaped",
    inTurn(withIntegers("Reshape", [-1, 120]), product(3), withConstant("Add", [3])),
    ["Flatten", "Gemm"],
  ],
  [
    "max pooling",
    inTurn(op("MaxPool", { kernel_shape: [4, 5] }), op("Flatten"), layer(3)),
    ["GlobalMaxPool", "Flatten", "Gemm"],
  ],
  ["batch norm of pooled features", inTurn(pool, norm, op("Flatten"), layer(3)), plain],
  [
    "batch norm of rows and two layers",
    inTurn(pooled, norm, layer(5), op("Relu"), layer(3)),
    [...plain, "Relu", "Gemm"],
  ],
  [
    "batch norm behind a layer",
    inTurn(pooled, layer(5), norm, op("Relu"), layer(3)),
    [...plain, "Relu", "Gemm"],
  ],
  [
    "scales and shifts",
    inTurn(
      pooled,
      withConstant("Mul", [channels]),
      withConstant("Sub", [channels], false),
      layer(3),
      withConstant("Div", [1]),
    ),
    plain,
  ],
  [
    "scaled features that an activation reads",
    inTurn(pooled, withConstant("Mul", [channels]), op("Tanh"), layer(3)),
    ["GlobalAveragePool", "Flatten", "Mul", "Add", "Tanh", "Gemm"],
  ],
  ["the logits of two classes", inTurn(pooled, layer(1), product(2)), plain],
  ["softmax of old opsets", inTurn(pooled, layer(3), op("Softmax")), [...plain, "Softmax"], 9],
  [
    "two branches of rows",
    (build, x) => {
      const row = pooled(build, x);
      return build.add(layer(3)(build, row), layer(3)(build, row));
    },
    ["GlobalAveragePool", "Flatten", "Gemm", "Gemm", "Add"],
  ],
];

describe("the canonical head", () => {
  test.each(spellings)("of %s", async (_, body, operators, opset) => {
    const before = head(body, opset);
    const after = canonicalHead(before);
    expect(after.opset).toBe(17);
    expect(after.nodes.map(({ operator }) => operator)).toEqual(operators);
    for (const node of after.nodes.filter(({ operator }) => operator === "Gemm")) {
      expect(node.inputs).toHaveLength(3);
      expect(Object.keys(node.attributes)).toEqual(["transB"]);
    }
    const input = { map: [3, channels, 4, 5] };
    const [a, b] = [await evaluate(before, input), await evaluate(after, input)];
    expect(relativeDifference(a.logits!, b.logits!)).toBeLessThan(2e-6);
  });

  test("has the weights that are worked out by hand", () => {
    const build = new GraphBuilder();
    const map = build.input("map", ["N", 2, 2, 2]);
    const scaled = build.node("Mul", [
      pooled(build, map),
      build.initializer("s", float32([2], [2, 3])),
    ]);
    const w = build.initializer("w", float32([2, 1], [5, 7]));
    build.output(
      build.node("Add", [
        build.node("MatMul", [scaled, w]),
        build.initializer("b", float32([1], [11])),
      ]),
      "y",
    );
    const { nodes, initializers } = canonicalHead(build.build());
    const [, weight, bias] = nodes.at(-1)!.inputs.map((name) => initializers.get(name));
    expect(toNumbers(weight!)).toEqual([10, 21]);
    expect(toNumbers(bias!)).toEqual([11]);
  });

  test.each<[string, Step]>([
    [
      "a mean over channels",
      inTurn(op("ReduceMean", { axes: [1], keepdims: 0 }), op("Flatten"), layer(3)),
    ],
    [
      "pooling of parts",
      inTurn(op("AveragePool", { kernel_shape: [2, 2] }), op("Flatten"), layer(3)),
    ],
    [
      "an average of one pixel that counts the padding around it",
      inTurn(
        op("GlobalAveragePool"),
        op("AveragePool", { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
        op("Flatten"),
        layer(3),
      ),
    ],
    [
      "an average of the whole map and of what lies around it",
      inTurn(
        op("AveragePool", {
          kernel_shape: [4, 5],
          strides: [4, 5],
          pads: [1, 1, 1, 1],
          count_include_pad: 1,
        }),
        op("Flatten"),
        layer(3),
      ),
    ],
    [
      "the greatest of a few pixels of a padded map",
      inTurn(
        op("MaxPool", {
          kernel_shape: [4, 5],
          strides: [4, 5],
          dilations: [2, 2],
          auto_pad: "SAME_UPPER",
        }),
        op("Flatten"),
        layer(3),
      ),
    ],
    [
      "the greatest of what lies around one pixel",
      inTurn(
        op("GlobalMaxPool"),
        op("MaxPool", { kernel_shape: [2, 2], dilations: [2, 2], pads: [1, 1, 1, 1] }),
        op("Flatten"),
        layer(3),
      ),
    ],
    ["a number that features divide", inTurn(pooled, withConstant("Div", [1], false), layer(3))],
    [
      "a softmax over groups of features",
      inTurn(
        pooled,
        withIntegers("Reshape", [-1, 2, 3]),
        op("Softmax", { axis: 1 }),
        op("Flatten"),
        layer(3),
      ),
    ],
    ["a softmax over pixels", inTurn(op("Softmax", { axis: -1 }), pooled, layer(3))],
    ["convolutions of the map", inTurn(conv(4, { kernel: 3 }), pooled, layer(3))],
  ])("stays as it is with %s", (_, body) => {
    const before = head(body);
    expect(canonicalHead(before)).toBe(before);
  });
});
