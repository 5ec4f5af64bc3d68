import { describe, expect, test } from "vitest";
import { adoptModel } from "../../src/graph/adopt.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { assertGradient } from "../../src/graph/gradients.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { describeChoice } from "../../src/graph/logits.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { attributes, float32, int64 } from "./graphs.ts";
import { evaluate, relativeDifference } from "./onnxruntime.ts";

type Head = (build: GraphBuilder, features: string) => Readonly<Record<string, string>>;

/** A network on images 3 x 6 x 6; `head` gives tensors by the names of the outputs that they become. */
function network(head: Head, batch: number | "N" = "N"): Graph {
  const build = new GraphBuilder({ seed: 4 });
  const image = build.input("image", [batch, 3, 6, 6]);
  const map = build.relu(build.conv(image, { name: "conv", outputs: 7, kernel: 3, bias: true }));
  for (const [name, tensor] of Object.entries(head(build, map))) build.output(tensor, name);
  return build.build();
}

const pooled = (build: GraphBuilder, x: string) => build.flatten(build.globalAveragePool(x));
const linear = (build: GraphBuilder, x: string, outputs = 4, name = "fc") =>
  build.linear(x, { name, outputs });
const op = (
  build: GraphBuilder,
  operator: string,
  inputs: readonly string[],
  values: Parameters<typeof attributes>[0] = {},
) => build.node(operator, inputs, { attributes: attributes(values) });
const adopt = (model: Graph, output?: string) =>
  adoptModel(model, { shape: [3, 6, 6], name: "it", output });

/** The scores that a network would give if these were its only output. */
async function expectScores(model: Graph, plain: Graph): Promise<void> {
  const input = { image: [3, 3, 6, 6] };
  const [taken] = Object.values(await evaluate(model, input));
  const [wanted] = Object.values(await evaluate(plain, input));
  expect(relativeDifference(wanted!, taken!)).toBeLessThan(1e-6);
}

describe("the output that tells classes apart", () => {
  test.each<[string, string, Head]>([
    ["features before it", "y", (b, x) => ({ fl: pooled(b, x), y: linear(b, pooled(b, x)) })],
    ["features behind it", "y", (b, x) => ({ y: linear(b, pooled(b, x)), fl: pooled(b, x) })],
    [
      "its features from a linear layer",
      "y",
      (b, x) => {
        const embedding = linear(b, pooled(b, x), 9, "embedding");
        return { embedding, y: linear(b, b.relu(embedding)) };
      },
    ],
    [
      "a label before it",
      "y",
      (b, x) => {
        const l = linear(b, pooled(b, x));
        return {
          label: op(b, "ArgMax", [l], { axis: 1, keepdims: 0 }),
          y: op(b, "Softmax", [l], { axis: 1 }),
        };
      },
    ],
    ["a feature map beside it", "y", (b, x) => ({ map: b.relu(x), y: linear(b, pooled(b, x)) })],
    [
      "its own softmax behind it",
      "l",
      (b, x) => {
        const l = linear(b, pooled(b, x));
        return { l, y: op(b, "Softmax", [l], { axis: 1 }) };
      },
    ],
  ])("is found with %s, and said aloud", (_, expected, head) => {
    const model = network(head);
    const adopted = adopt(model);
    expect(adopted.outputs).toMatchObject([{ name: expected, shape: ["N", 4] }]);
    expect(describeChoice(model, adopted)).toContain(`"${expected}" is taken`);
  });

  test("is told apart from the others that it was taken of", () => {
    const told = (head: Head) => describeChoice(network(head), adopt(network(head)));
    expect(told((b, x) => ({ fl: pooled(b, x), y: linear(b, pooled(b, x)) }))).toBe(
      `"y" is taken for the classes, of the outputs "fl" and "y"; --output takes another`,
    );
    const many: Head = (b, x) => ({
      y: linear(b, pooled(b, x)),
      ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}`, b.relu(x)])),
    });
    expect(told(many)).toMatch(/of the outputs "y", "m0", .*, "m14" and 5 more; --output takes/);
    const softened: Head = (b, x) => {
      const l = linear(b, pooled(b, x));
      return { label: op(b, "ArgMax", [l], { axis: 1, keepdims: 0 }), map: b.relu(x) };
    };
    expect(told(softened)).toMatch(/ before the outputs "label" and "map"; the shipped file/);
  });

  test("is asked for where two could be meant", () => {
    const model = network((b, x) => ({
      y: linear(b, pooled(b, x)),
      y2: linear(b, pooled(b, x), 3, "second"),
    }));
    expect(() => adopt(model)).toThrow(
      /2 outputs .* "y" float32 \[1, 4\], "y2" float32 \[1, 3\]; say with --output which one does$/,
    );
    expect(adopt(model, "y2").outputs).toMatchObject([{ name: "y2", shape: ["N", 3] }]);
    expect(() => adopt(model, "y3")).toThrow(/--output y3: .* its outputs are "y", "y2"/);
  });

  test("is asked for where hundreds could be meant", () => {
    const model = network((b, x) => {
      const row = pooled(b, x);
      const all = Array.from({ length: 600 }, (_, i) => [`y${i}`, linear(b, row, 2, `fc${i}`)]);
      return Object.fromEntries(all);
    });
    expect(() => adopt(model)).toThrow(
      /^the model has 600 outputs that .* "y15" float32 \[1, 2\], 584 more; say with --output which one does$/,
    );
  });

  test("is to be made of outputs that are a number each", () => {
    const model = network((b, x) => {
      const scores = linear(b, pooled(b, x));
      const of = (place: number) =>
        op(
          b,
          "Gather",
          [scores, b.initializer(`place${place}`, fromNumbers("int64", [], [place]))],
          { axis: 1 },
        );
      return { a: of(0), b: of(1), c: of(2) };
    });
    expect(() => adopt(model)).toThrow(
      /3 outputs .* "c" float32 \[1\]; .*where each is the score of one class, .*torch\.stack\(outputs, 1\)$/,
    );
  });

  const plain = network((b, x) => ({ y: linear(b, pooled(b, x)) }));
  const reduce = (b: GraphBuilder, operator: "ReduceMax" | "ReduceMin", x: string, keepdims = 1) =>
    op(b, operator, [x], { axes: [1], keepdims });
  const asFloats = (b: GraphBuilder, x: string) => op(b, "Cast", [x], { to: 1 });
  const where = (b: GraphBuilder, condition: string, values: readonly [number, number]) =>
    op(b, "Where", [
      condition,
      ...values.map((value, i) => b.initializer(`value${i}`, float32([], [value]))),
    ]);

  test.each<[string, Head]>([
    [
      "the likeliest class",
      (b, x) => ({ y: op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1 }) }),
    ],
    [
      "the best two",
      (b, x) => {
        const k = b.initializer("k", int64(2));
        return { y: op(b, "TopK", [linear(b, pooled(b, x)), k]) };
      },
    ],
    [
      "the likeliest class as another type",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: -1, keepdims: 0 });
        return { y: op(b, "Cast", [label], { to: 6 }) };
      },
    ],
    ["whole numbers", (b, x) => ({ y: op(b, "Round", [linear(b, pooled(b, x))]) })],
    [
      "a one for the likeliest class",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
        const depth = b.initializer("depth", int64(4));
        return { y: op(b, "OneHot", [label, depth, b.initializer("v", float32([2], [0, 1]))]) };
      },
    ],
    [
      "a one for the number that is the class's",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1 });
        const numbers = b.initializer("numbers", int64(0, 1, 2, 3));
        return { y: op(b, "Cast", [op(b, "Equal", [numbers, label])], { to: 1 }) };
      },
    ],
    [
      "a one where the likeliest class is",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1 });
        const same = op(b, "Equal", [label, b.initializer("numbers", int64(0, 1, 2, 3))]);
        const [high, low] = [
          b.initializer("high", float32([], [0.9])),
          b.initializer("low", float32([], [0.1])),
        ];
        return { y: op(b, "Where", [same, high, low]) };
      },
    ],
    [
      "a one for what equals the greatest",
      (b, x) => {
        const scores = linear(b, pooled(b, x));
        return { y: asFloats(b, op(b, "Equal", [scores, reduce(b, "ReduceMax", scores)])) };
      },
    ],
    [
      "a one for what the greatest equals",
      (b, x) => {
        const scores = linear(b, pooled(b, x));
        const greatest = reduce(b, "ReduceMax", scores, 0);
        const column = op(b, "Unsqueeze", [greatest, b.initializer("last", int64(1))]);
        return { y: asFloats(b, op(b, "Equal", [column, scores])) };
      },
    ],
    [
      "a row of the identity",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
        const ones = [...Array(16)].map((_, i) => Number(i % 5 === 0));
        return { y: op(b, "Gather", [b.initializer("eye", float32([4, 4], ones)), label]) };
      },
    ],
    [
      "zeros with a one for the likeliest class",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1 });
        const zeros = b.initializer("zeros", float32([1, 4], [0, 0, 0, 0]));
        const one = b.initializer("one", float32([1, 1], [1]));
        return { y: op(b, "ScatterElements", [zeros, label, one], { axis: 1 }) };
      },
    ],
    [
      "the least of the negative",
      (b, x) => ({
        y: op(b, "ArgMin", [op(b, "Neg", [linear(b, pooled(b, x))])], { axis: 1 }),
      }),
    ],
    [
      "scores of three places",
      (b, x) => {
        const thousand = b.initializer("k", float32([], [1000]));
        const places = op(b, "Mul", [linear(b, pooled(b, x)), thousand]);
        return { y: op(b, "Div", [op(b, "Round", [places]), thousand]) };
      },
    ],
    [
      "bytes",
      (b, x) => {
        const scaled = op(b, "Mul", [
          linear(b, pooled(b, x)),
          b.initializer("k", float32([], [255])),
        ]);
        return { y: op(b, "Cast", [scaled], { to: 2 }) };
      },
    ],
  ])("is what comes before %s", async (_, head) => {
    const model = network(head);
    const adopted = adopt(model);
    expect(adopted.outputs).toMatchObject([{ name: "logits", shape: ["N", 4] }]);
    expect(describeChoice(model, adopted)).toMatch(
      /before the output "y".* as "logits" \[batch, 4\]/,
    );
    await expectScores(adopted, plain);
  });

  test("is without a table of other class numbers, which is said", () => {
    const numbered = (numbers: readonly number[]) =>
      network((b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
        return { y: b.node("Gather", [b.initializer("table", int64(...numbers)), label]) };
      });
    const encoded = network((b, x) => {
      const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
      return { y: op(b, "Abs", [label]) };
    });
    const ints = (...value: number[]) => ({ type: "ints" as const, value });
    const attributes = { keys_int64s: ints(0, 1, 2, 3), values_int64s: ints(2, 3, 0, 1) };
    const labels = {
      ...encoded,
      nodes: encoded.nodes.map((node) =>
        node.operator === "Abs"
          ? { ...node, operator: "LabelEncoder", domain: "ai.onnx.ml", attributes }
          : node,
      ),
    };
    const told = (model: Graph) => describeChoice(model, adopt(model));
    expect(told(numbered([2, 3, 0, 1]))).toMatch(
      /without the table by which Gather node ".*" gives classes other numbers: class 0 is the first score$/,
    );
    expect(told(labels)).toMatch(/without the table by which LabelEncoder node/);
    expect(told(numbered([0, 1, 2, 3]))).toMatch(/\[batch, 4\]$/);
  });

  test.each<[string, Head]>([
    [
      "the least",
      (b, x) => ({ y: op(b, "ArgMin", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 }) }),
    ],
    [
      "the least two",
      (b, x) => {
        const k = b.initializer("k", int64(2));
        return { y: op(b, "TopK", [linear(b, pooled(b, x)), k], { largest: 0 }) };
      },
    ],
    [
      "the least, beside all of them",
      (b, x) => {
        const distances = linear(b, pooled(b, x));
        return { distances, y: op(b, "ArgMin", [distances], { axis: 1 }) };
      },
    ],
    [
      "a one for what equals the least",
      (b, x) => {
        const distances = linear(b, pooled(b, x));
        return { y: asFloats(b, op(b, "Equal", [distances, reduce(b, "ReduceMin", distances)])) };
      },
    ],
    [
      "a number for what the least equals",
      (b, x) => {
        const distances = linear(b, pooled(b, x));
        const isLeast = op(b, "Equal", [reduce(b, "ReduceMin", distances), distances]);
        return { y: where(b, isLeast, [1, 0]) };
      },
    ],
    [
      "a one for what equals the first of the least",
      (b, x) => {
        const distances = linear(b, pooled(b, x));
        const least = op(b, "TopK", [distances, b.initializer("k", int64(1))], { largest: 0 });
        return { y: asFloats(b, op(b, "Equal", [distances, least])) };
      },
    ],
  ])("is the negative of what %s is taken of", async (_, head) => {
    const adopted = adopt(network(head));
    expect(adopted.outputs).toMatchObject([{ name: "logits", shape: ["N", 4] }]);
    await expectScores(
      adopted,
      network((b, x) => ({ y: op(b, "Neg", [linear(b, pooled(b, x))]) })),
    );
  });

  test.each<[string, Head]>([
    [
      "a zero where the greatest is",
      (b, x) => {
        const scores = linear(b, pooled(b, x));
        const isGreatest = op(b, "Equal", [scores, reduce(b, "ReduceMax", scores)]);
        return { y: where(b, isGreatest, [0, 1]) };
      },
    ],
    [
      "a row with a zero for the class",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
        const depth = b.initializer("depth", int64(4));
        return { y: op(b, "OneHot", [label, depth, b.initializer("v", float32([2], [1, 0]))]) };
      },
    ],
    [
      "ones with a zero for the class",
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1 });
        const ones = b.initializer("ones", float32([1, 4], [1, 1, 1, 1]));
        const zero = b.initializer("zero", float32([1, 1], [0]));
        return { y: op(b, "ScatterElements", [ones, label, zero], { axis: 1 }) };
      },
    ],
  ])("is not guessed before %s, which says the opposite", (_, head) => {
    const adopted = adopt(network(head));
    expect(adopted.outputs).toMatchObject([{ name: "y" }]);
    expect(() => assertGradient(adopted)).toThrow(/no gradient/);
  });

  const best = (b: GraphBuilder, scores: string) => op(b, "ArgMax", [scores], { axis: 1 });
  const worst = (b: GraphBuilder, scores: string) => op(b, "ArgMin", [scores], { axis: 1 });

  test.each<[string, (build: GraphBuilder, scores: string) => Readonly<Record<string, string>>]>([
    ["the best", (b, scores) => ({ best: best(b, scores), worst: worst(b, scores) })],
    ["the best, behind it", (b, scores) => ({ worst: worst(b, scores), best: best(b, scores) })],
    [
      "the best and all scores",
      (b, scores) => ({ scores, best: best(b, scores), worst: worst(b, scores) }),
    ],
    [
      "the best, which is the least of the negative",
      (b, scores) => ({ best: worst(b, op(b, "Neg", [scores])), worst: worst(b, scores) }),
    ],
    [
      "their negative, of which the least is taken",
      (b, scores) => {
        const distances = op(b, "Neg", [scores]);
        return { distances, best: worst(b, distances) };
      },
    ],
  ])("is not turned round where the least is told beside %s", async (_, outputs) => {
    const adopted = adopt(network((b, x) => outputs(b, linear(b, pooled(b, x)))));
    expect(adopted.outputs).toHaveLength(1);
    await expectScores(adopted, plain);
  });

  test.each<[string, (build: GraphBuilder, all: string) => string]>([
    ["scores", (_, scores) => scores],
    ["the negative of distances", (b, distances) => op(b, "Neg", [distances])],
  ])("is what a softmax is taken of beside the least: %s", async (_, signed) => {
    const outputs = (b: GraphBuilder, x: string) => {
      const all = linear(b, pooled(b, x));
      const y = op(b, "Softmax", [signed(b, all)], { axis: 1 });
      return { y, all, least: worst(b, all) };
    };
    const softmax = network((b, x) => ({ y: outputs(b, x).y }));
    const adopted = adopt(network(outputs));
    expect(adopted.outputs).toMatchObject([{ name: "y", shape: ["N", 4] }]);
    await expectScores(adopted, softmax);
  });

  test.each<[string, Head]>([
    [
      "[N, C, 1, 1]",
      (b, x) => ({
        y: op(b, "Reshape", [linear(b, pooled(b, x)), b.initializer("s", int64(-1, 4, 1, 1))]),
      }),
    ],
    [
      "[N, 1, C]",
      (b, x) => ({
        y: op(b, "Reshape", [linear(b, pooled(b, x)), b.initializer("s", int64(-1, 1, 4))]),
      }),
    ],
    [
      "[1, N, C]",
      (b, x) => ({
        y: op(b, "Unsqueeze", [linear(b, pooled(b, x)), b.initializer("s", int64(0))]),
      }),
    ],
    [
      "[1, 1, N, C]",
      (b, x) => ({
        y: op(b, "Unsqueeze", [linear(b, pooled(b, x)), b.initializer("s", int64(0, 1))]),
      }),
    ],
  ])("may have the shape %s", async (_, head) => {
    const adopted = adopt(network(head));
    expect(adopted.outputs).toMatchObject([{ name: "y", shape: ["N", 4] }]);
    await expectScores(adopted, plain);
  });

  test.each<[string, (b: GraphBuilder, z: string) => string]>([
    ["a sigmoid", (b, z) => op(b, "Sigmoid", [z])],
    [
      "a sigmoid for each image",
      (b, z) => op(b, "Reshape", [op(b, "Sigmoid", [z]), b.initializer("s", int64(-1))]),
    ],
    [
      "a sigmoid of a map",
      (b, z) => op(b, "Sigmoid", [op(b, "Reshape", [z, b.initializer("s", int64(-1, 1, 1, 1))])]),
    ],
    [
      "a sigmoid between casts, as converters to float16 leave it",
      (b, z) => {
        const cast = (x: string) =>
          b.node("Cast", [x], { attributes: { to: { type: "int", value: 1 } } });
        return cast(op(b, "Sigmoid", [cast(z)]));
      },
    ],
  ])("is made of %s, the logits of two classes", async (_, end) => {
    const column = network((b, x) => ({ y: linear(b, pooled(b, x), 1) }));
    const adopted = adopt(network((b, x) => ({ y: end(b, linear(b, pooled(b, x), 1)) })));
    await expectTwoClasses(adopted, column);
  });

  test("is made of a logit where that is asked for, which may be a measure", async () => {
    const column = network((b, x) => ({ y: linear(b, pooled(b, x), 1) }));
    expect(() => adopt(column)).toThrow(
      /one number for each image, "y" float32 \[1, 1\], and no sigmoid: .*regression.*--output y$/,
    );
    await expectTwoClasses(adopt(column, "y"), column);
  });

  test("is no row of classes where a fixed batch lies behind an axis of one", () => {
    const measured = network((b, x) => {
      const row = b.initializer("row", int64(1, 4));
      return { y: op(b, "Reshape", [linear(b, pooled(b, x), 1), row]) };
    }, 4);
    expect(() => adopt(measured)).toThrow(/one number for each image/);
  });

  async function expectTwoClasses(adopted: Graph, column: Graph): Promise<void> {
    expect(adopted.outputs).toMatchObject([{ name: "logits", shape: ["N", 2] }]);
    const input = { image: [3, 3, 6, 6] };
    const { logits } = await evaluate(adopted, input);
    const { y } = await evaluate(column, input);
    for (let image = 0; image < 3; image++) {
      expect(logits!.values[2 * image]).toBeCloseTo(0, 6);
      expect(logits!.values[2 * image + 1]).toBeCloseTo(y!.values[image]!, 5);
    }
  }

  test.each<[string, RegExp, Head]>([
    [
      "maps",
      /gives "y" float32 \[1, 2, 4, 4\]: it gives maps, as models do that segment/,
      (b, x) => ({ y: b.conv(x, { name: "mask", outputs: 2, kernel: 1 }) }),
    ],
    [
      "the likeliest class of each pixel",
      /it gives maps/,
      (b, x) => ({
        y: op(b, "ArgMax", [b.conv(x, { name: "mask", outputs: 2, kernel: 1 })], { axis: 1 }),
      }),
    ],
    [
      "numbers of classes alone",
      /"y" int64 \[1\]: these are answers; export the scores that they are made of/,
      (b, x) => {
        const label = op(b, "ArgMax", [linear(b, pooled(b, x))], { axis: 1, keepdims: 0 });
        return { y: op(b, "Add", [label, b.initializer("one", int64(1))]) };
      },
    ],
    [
      "one number for all images",
      /"y" float32 \[\]: these are no scores for each image/,
      (b, x) => ({ y: op(b, "ReduceMean", [x], { keepdims: 0 }) }),
    ],
    [
      "its classes first",
      /"y" float32 \[4, 1\] has the classes first and the batch behind them: .* transpose/,
      (b, x) => ({ y: op(b, "Transpose", [linear(b, pooled(b, x))], { perm: [1, 0] }) }),
    ],
    [
      "the rows of all images as one",
      /"y" float32 \[1, 4\] is \[1, 8\] for 2 images: expected \[batch, classes\].* leave out what reshapes/,
      (b, x) => ({
        y: op(b, "Reshape", [linear(b, pooled(b, x)), b.initializer("s", int64(1, -1))]),
      }),
    ],
    [
      "its classes first, and an axis before them",
      /"y" float32 \[1, 4, 1\] has the classes first and the batch behind them/,
      (b, x) => {
        const turned = op(b, "Transpose", [linear(b, pooled(b, x))], { perm: [1, 0] });
        return { y: op(b, "Unsqueeze", [turned, b.initializer("s", int64(0))]) };
      },
    ],
    [
      "boxes",
      /looks like a detector/,
      (b, x) => ({ y: op(b, "Reshape", [x, b.initializer("s", int64(-1, 16, 7))]) }),
    ],
  ])("is not there in a model that gives %s", (_, message, head) => {
    expect(() => adopt(network(head))).toThrow(message);
    expect(() => adopt(network(head), "y")).toThrow(message);
  });
});
