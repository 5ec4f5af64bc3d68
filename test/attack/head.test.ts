import { describe, expect, test } from "vitest";
import { behead, drawRows, extendRows, withHead } from "../../src/attack/head.ts";
import { frozenPart } from "../../src/attack/methods.ts";
import { withRandomWeights } from "../../src/attack/scratch.ts";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromFloat32, fromNumbers, toFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { upstream } from "../../src/graph/topology.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { mapModel } from "../cli/fixtures.ts";
import { attributes } from "../graph/graphs.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";
import { chain, original } from "./pair.ts";

/** A classifier whose end is given. */
function ending(end: (build: GraphBuilder, pooled: string) => string): Graph {
  const build = new GraphBuilder({ seed: 4 });
  const map = build.relu(
    build.conv(build.input("image", ["N", 1, 8, 8]), { name: "conv", outputs: 6, kernel: 3 }),
  );
  build.output(end(build, build.globalAveragePool(map)), "logits");
  return build.build();
}

const linear = (build: GraphBuilder, x: string) =>
  build.linear(build.flatten(x), { name: "fc", outputs: 4 });

/** Whether a classifier taken apart and put together again answers as before. */
async function expectSameAnswers(graph: Graph): Promise<void> {
  const parts = behead(graph);
  const whole = withHead(parts, parts.head);
  const [a, b] = [
    await evaluate(graph, { [graph.inputs[0]!.name]: [3, 1, 8, 8] }),
    await evaluate(whole, { [whole.inputs[0]!.name]: [3, 1, 8, 8] }),
  ];
  expect(relativeDifference(Object.values(a)[0]!, Object.values(b)[0]!)).toBeLessThan(1e-5);
}

test("the rows of a head over many features are its weights: no square of the features is made", () => {
  const build = new GraphBuilder({ seed: 4 });
  const map = build.relu(build.input("image", ["N", 4, 256, 256]));
  build.output(build.linear(build.flatten(map), { name: "fc", outputs: 3 }), "logits");
  const graph = build.build();
  const before = liveTensors();
  const { head, features } = behead(graph);
  expect(liveTensors()).toBe(before);
  expect(features).toBe(4 * 256 * 256);
  for (const part of ["weight", "bias"] as const) {
    const own = toFloat32(graph.initializers.get(`fc.${part}`)!);
    expect(head[part].length).toBe(own.length);
    expect(head[part].every((value, place) => value === own[place])).toBe(true);
  }
});

test("the rows of a head of many classes are its weights: no square of the classes is made", () => {
  const build = new GraphBuilder({ seed: 4 });
  const pooled = build.flatten(build.globalAveragePool(build.input("image", ["N", 3, 4, 4])));
  const outputs = 60_000;
  build.output(build.linear(pooled, { name: "fc", outputs }), "logits");
  const graph = build.build();
  const { head } = behead(graph);
  const own = toFloat32(graph.initializers.get("fc.weight")!);
  expect(head.weight.length).toBe(own.length);
  expect(head.weight.every((value, place) => Math.abs(value - own[place]!) < 1e-6)).toBe(true);
});

describe("a classifier without its last layer", () => {
  test.each([
    ["a residual network", original],
    ["a sealed chain", chain],
    [
      "a convolution of pooled features",
      ending((build, pooled) =>
        build.flatten(build.conv(pooled, { name: "fc", outputs: 4, kernel: 1, bias: true })),
      ),
    ],
    [
      "hidden layers",
      ending((build, pooled) =>
        build.linear(build.relu(linear(build, pooled)), { name: "last", outputs: 5 }),
      ),
    ],
  ])("and with the same layer again answers as before: %s", (_, graph) => expectSameAnswers(graph));

  test.each([
    ["several layers in a row", 6, (_: GraphBuilder, x: string) => x],
    [
      "the layers before one that are not in a row",
      4,
      (build: GraphBuilder, x: string) => build.add(x, build.relu(x)),
    ],
  ])("keeps the features before %s", async (__, features, between) => {
    const graph = ending((build, pooled) =>
      build.linear(between(build, linear(build, pooled)), { name: "last", outputs: 5 }),
    );
    expect(behead(graph).features).toBe(features);
    await expectSameAnswers(graph);
  });

  test.each(["Softmax", "LogSoftmax", "Sigmoid"])("loses a %s, too", async (operator) => {
    const graph = ending((build, pooled) => build.node(operator, [linear(build, pooled)]));
    const { head } = behead(graph);
    expect(Array.from(head.bias)).toEqual(
      toNumbers(graph.initializers.get("fc.bias")!).map((bias) => expect.closeTo(bias, 5)),
    );
  });

  test("is refused where the scores come from no linear layer", () => {
    expect(() => behead(mapModel())).toThrow(ModelError);
    const squared = ending((build, pooled) => {
      const x = linear(build, pooled);
      return build.node("Exp", [x]);
    });
    expect(() => behead(squared)).toThrow(/linear layer/);
  });
});

test("new rows differ by seed, and extended ones begin with those of the file", () => {
  const head = { weight: Float32Array.of(1, 2, 3, 4), bias: Float32Array.of(5, 6) };
  const drawn = drawRows(3, 2, 7);
  expect(drawRows(3, 2, 8).weight).not.toEqual(drawn.weight);
  const { weight, bias } = extendRows(head, 3, drawn);
  expect([...weight]).toEqual([1, 2, 3, 4, drawn.weight[4], drawn.weight[5]]);
  expect([...bias]).toEqual([5, 6, drawn.bias[2]]);
  expect([...extendRows(head, 1, drawRows(1, 2, 7)).weight]).toEqual([1, 2]);
});

const convolutionsBefore = (body: Graph, tensor: string) =>
  [...upstream(body, [tensor]).nodes].filter(({ operator }) => operator === "Conv").length;

test("the last half begins at a map behind about half of the convolutions", () => {
  const { body } = behead(original);
  // Seven in all: maps that all paths go through lie behind 1, 3, 5 and 7.
  expect(convolutionsBefore(body, frozenPart(body, "half")!)).toBe(3);
  expect(frozenPart(body, "all")).toBeUndefined();
  expect(frozenPart(body, "head")).toBe(body.outputs[0]!.name);
});

test("the last half begins among the convolutions also where attention pools what they made", () => {
  const build = new GraphBuilder({ seed: 4 });
  const conv = (x: string, name: string) => build.conv(x, { name, outputs: 6, kernel: 3 });
  let map = build.input("image", ["N", 1, 12, 12]);
  for (const name of ["first", "second", "third", "fourth"]) map = build.relu(conv(map, name));
  const sizes = build.initializer("sizes", fromNumbers("int64", [3], [0, 6, 16]));
  const tokens = build.node("Reshape", [map, sizes]);
  const turned = build.node("Transpose", [tokens], {
    attributes: attributes({ perm: [0, 2, 1] }),
  });
  const weights = build.node("Softmax", [build.node("MatMul", [tokens, turned])]);
  build.output(linear(build, build.node("MatMul", [weights, tokens])), "logits");
  const { body } = behead(build.build());
  const frozen = frozenPart(body, "half");
  expect(convolutionsBefore(body, frozen!)).toBe(2);
});

test("all of a network learns by half where its only maps lie behind all convolutions", () => {
  const build = new GraphBuilder({ seed: 4 });
  const maps = [build.input("image", ["N", 1, 12, 12])];
  const joined = () => build.node("Concat", [...maps], { attributes: attributes({ axis: 1 }) });
  for (const name of ["first", "second", "third"])
    maps.push(build.conv(joined(), { name, outputs: 4, kernel: 3, padding: 1 }));
  build.output(linear(build, build.globalAveragePool(joined())), "logits");
  expect(frozenPart(behead(build.build()).body, "half")).toBeUndefined();
});

test("random weights forget biases, slopes, norms and scales wherever they stand", () => {
  const build = new GraphBuilder({ seed: 4 });
  const constants: [name: string, start: number | undefined][] = [];
  /** A constant of sevens, and what random weights make of it; undefined where it stays. */
  const held = (shape: number[], start: number | undefined) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const name = build.initializer(
      `held${constants.length}`,
      fromFloat32(shape, new Float32Array(size).fill(7)),
    );
    constants.push([name, start]);
    return name;
  };
  const conv = (x: string, name: string) => build.conv(x, { name, outputs: 6, kernel: 3 });
  const pixels = build.node("Sub", [
    build.input("image", ["N", 3, 8, 8]),
    held([3, 1, 1], undefined),
  ]);
  const scaled = build.node("Div", [pixels, held([3, 1, 1], undefined)]);
  const statistics = [0, 1, 2, 3].map(() => held([3], undefined));
  let x = conv(build.node("BatchNormalization", [scaled, ...statistics]), "first");
  x = build.node("PRelu", [build.node("Add", [x, held([6, 1, 1], 0)]), held([1], 0.25)]);
  x = conv(build.node("InstanceNormalization", [x, held([6], 1), held([6], 0)]), "second");
  x = build.node("Mul", [x, held([1, 6, 1, 1], 1)]);
  x = build.node("Mul", [x, held([1], undefined)]);
  x = build.node("Flatten", [build.globalAveragePool(x)]);
  x = build.node("LayerNormalization", [x, held([6], 1), held([6], 0)]);
  build.output(x, "features");
  const forgotten = withRandomWeights(build.build(), 1);
  for (const [name, start = 7] of constants) {
    const values = toNumbers(forgotten.initializers.get(name)!);
    expect([name, values]).toEqual([name, values.map(() => start)]);
  }
});

test("random weights of linear layers are as large as a layer of so many inputs begins with", () => {
  const build = new GraphBuilder({ seed: 4 });
  const rows = build.linear(build.flatten(build.input("image", ["N", 1, 2, 2])), {
    name: "wide",
    outputs: 900,
  });
  const other = build.initializer("other", fromFloat32([900, 4], new Float32Array(3600).fill(7)));
  build.output(build.node("MatMul", [rows, other]), "features");
  const forgotten = withRandomWeights(build.build(), 1);
  for (const [name, inputs] of [
    ["wide.weight", 4],
    ["other", 900],
  ] as const) {
    const values = toNumbers(forgotten.initializers.get(name)!).map(Math.abs);
    const largest = Math.max(...values) * Math.sqrt(inputs);
    expect([name, largest]).toEqual([name, expect.closeTo(1, 2)]);
    expect(largest).toBeLessThanOrEqual(1 + 1e-6);
  }
});

test("random weights forget all that was learned, by seed", () => {
  const forgotten = withRandomWeights(original, 1);
  for (const [name, value] of original.initializers) {
    const now = toNumbers(forgotten.initializers.get(name)!);
    if (value.dtype === "float32") expect(now).not.toEqual(toNumbers(value));
    else expect(now).toEqual(toNumbers(value));
  }
  const weight = "layer3.0.conv2.weight";
  const values = toNumbers(forgotten.initializers.get(weight)!);
  const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  // Of 2304 squares the mean has a relative deviation of 3 %: within 5 % for this seed.
  expect(square / (2 / (16 * 9))).toBeCloseTo(1, 1);
  expect(withRandomWeights(original, 1)).toEqual(forgotten);
  const other = withRandomWeights(original, 2).initializers.get(weight)!;
  expect(toNumbers(other)).not.toEqual(values);
});
