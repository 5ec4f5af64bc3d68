import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { imageLayout, turnInput } from "../../src/graph/layout.ts";
import { foldConstants, sinkTransposes } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { attributes, float32, int64 } from "./graphs.ts";
import { evaluate, type Result, relativeDifference } from "./onnxruntime.ts";
import { inTurn, op, type Step, withIntegers } from "./steps.ts";

const toLast: Step = (build, x) =>
  build.node("Transpose", [x], { attributes: attributes({ perm: [0, 2, 3, 1] }) });
const toFirst: Step = (build, x) =>
  build.node("Transpose", [x], { attributes: attributes({ perm: [0, 3, 1, 2] }) });
const withConstant =
  (operator: string, shape: readonly number[]): Step =>
  (build, x) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Array.from({ length: count }, (_, i) => 0.5 + ((i * 7) % 5) / 4);
    const constant = build.initializer(`${x}.${operator}`, float32(shape, values));
    return build.node(operator, [x, constant]);
  };
let layers = 0;
const conv =
  (outputs: number, kernel = 3): Step =>
  (build, x) =>
    build.conv(x, {
      name: `conv${layers++}`,
      outputs,
      kernel,
      padding: (kernel - 1) / 2,
      bias: true,
    });
const convLast = (outputs: number, kernel = 3) => inTurn(toFirst, conv(outputs, kernel), toLast);
const dense =
  (outputs: number): Step =>
  (build, x) =>
    build.linear(x, { name: `dense${layers++}`, outputs });
const product =
  (outputs: number): Step =>
  (build, x) => {
    const inputs = build.shape(x).at(-1)!;
    const values = Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i));
    return build.node("MatMul", [
      x,
      build.initializer(`${x}.w`, float32([inputs, outputs], values)),
    ]);
  };

/** A network on images with channels last, 6 x 8 x 3. */
function channelsLast(body: Step, opset = 17): Graph {
  const build = new GraphBuilder({ seed: 2, opset });
  build.output(body(build, build.input("image", ["N", 6, 8, 3])), "logits");
  return build.build();
}

const transposes = ({ nodes }: Graph) => nodes.filter(({ operator }) => operator === "Transpose");

async function expectAlike(before: Graph, after: Graph, input: readonly number[]): Promise<void> {
  const [a, b] = [
    await evaluate(before, { image: input }),
    await evaluate(after, { image: input }),
  ];
  expect(Object.keys(b)).toEqual(Object.keys(a));
  for (const [name, result] of Object.entries(a)) {
    expect(relativeDifference(result, b[name] as Result)).toBeLessThan(1e-5);
  }
}

const squeezeAndExcite: Step = (build, x) => {
  const squeezed = op("ReduceMean", { axes: [1, 2], keepdims: 0 })(build, x);
  const shape = build.initializer(`${x}.se`, int64(0, 1, 1, build.shape(x)[3]!));
  const map = build.node("Reshape", [squeezed, shape]);
  return build.node("Mul", [x, op("Sigmoid")(build, convLast(build.shape(x)[3]!, 1)(build, map))]);
};

const bodies: Readonly<Record<string, Step>> = {
  "activations and constants for channels": inTurn(
    withConstant("Sub", [3]),
    withConstant("Mul", [1, 1, 1, 3]),
    convLast(5),
    withConstant("Add", [5]),
    op("Relu"),
    convLast(4),
    op("LeakyRelu", { alpha: 0.2 }),
    op("ReduceMean", { axes: [1, 2], keepdims: 0 }),
    dense(4),
  ),
  "constants of a pixel's size": inTurn(
    convLast(5),
    withConstant("Mul", [8, 1]),
    convLast(4),
    op("ReduceMax", { axes: [1, 2], keepdims: 0 }),
    dense(3),
  ),
  "padding and strided pooling": inTurn(
    withIntegers("Pad", [0, 1, 2, 0, 0, 0, 1, 0]),
    convLast(4),
    toFirst,
    op("MaxPool", { kernel_shape: [2, 2], strides: [2, 2] }),
    toLast,
    op("Flatten"),
    dense(4),
  ),
  "a residual connection": inTurn(
    convLast(6),
    (build, x) => build.add(x, op("Relu")(build, convLast(6)(build, x))),
    op("ReduceMean", { axes: [-2, -3], keepdims: 1 }),
    op("Flatten"),
    dense(2),
  ),
  "joined branches": inTurn(
    convLast(6),
    (build, x) =>
      build.node("Concat", [convLast(2)(build, x), x, convLast(3, 1)(build, x)], {
        attributes: attributes({ axis: -1 }),
      }),
    op("Softmax", { axis: -1 }),
    op("ReduceMean", { axes: [1, 2], keepdims: 0 }),
    product(3),
  ),
  "squeeze and excitation": inTurn(
    convLast(6),
    squeezeAndExcite,
    op("ReduceMean", { axes: [1, 2], keepdims: 0 }),
    dense(3),
  ),
  "flattening, dropout, an activation and constants": inTurn(
    convLast(4),
    withIntegers("Reshape", [-1, 192]),
    op("Dropout"),
    withConstant("Mul", [192]),
    op("Relu"),
    withConstant("Add", [1, 192]),
    product(4),
  ),
  "flattening that something else than a layer reads": inTurn(
    convLast(4),
    op("Flatten"),
    op("Softmax"),
  ),
  "flattening twice": inTurn(
    convLast(4),
    op("Flatten"),
    withIntegers("Reshape", [-1, 192]),
    dense(3),
  ),
  "squeezed axes": inTurn(
    convLast(4),
    op("ReduceMean", { axes: [1, 2] }),
    withIntegers("Squeeze", [1, 2]),
    dense(3),
  ),
  "a map that is kept in two layouts": inTurn(
    convLast(4),
    (build, x) =>
      build.concat([
        op("Flatten")(build, x),
        op("Flatten")(build, toFirst(build, op("Relu")(build, x))),
      ]),
    dense(3),
  ),
};

describe("sinking transposes", () => {
  test.each(Object.entries(bodies))("leaves none of a network with %s", async (name, body) => {
    const model = channelsLast(body);
    const turned = turnInput(model, "NCHW");
    const sunk = sinkTransposes(foldConstants(turned));
    if (!name.startsWith("a map that")) expect(transposes(sunk)).toEqual([]);
    expect(sunk.inputs[0]!.shape).toEqual(["N", 3, 6, 8]);
    await expectAlike(turned, sunk, [2, 3, 6, 8]);
  });

  test("gives what the model gives for the same images, channels last", async () => {
    const model = channelsLast(bodies["a residual connection"]!);
    await expectAlike(turnInput(turnInput(model, "NCHW"), "NHWC"), model, [3, 6, 8, 3]);
  });

  test("gives what the model gives for the same grey images, without an axis of channels", async () => {
    const build = new GraphBuilder({ seed: 2 });
    const sizes = build.initializer("sizes", int64(-1, 6, 8, 1));
    const images = build.node("Reshape", [build.input("image", ["N", 6, 8]), sizes]);
    build.output(inTurn(convLast(4), op("Flatten"), dense(3))(build, images), "logits");
    const model = build.build();
    expect(imageLayout(model)).toBe("NHW");
    const turned = turnInput(model, "NCHW");
    expect(turned.inputs[0]!.shape).toEqual(["N", 1, 6, 8]);
    await expectAlike(turnInput(turned, "NHW"), model, [3, 6, 8]);
  });

  const mean = (axis: number, keepdims: 0 | 1) => op("ReduceMean", { axes: [axis], keepdims });

  test.each<[string, Step, number?]>([
    ["a product of each pixel's channels", inTurn(product(5), op("Flatten"), dense(3))],
    [
      "an axis squeezed alone",
      inTurn(mean(1, 1), withIntegers("Squeeze", [1]), mean(1, 0), dense(3)),
    ],
    ["rows of pixels", inTurn(withIntegers("Reshape", [-1, 48, 4]), mean(1, 0), dense(3))],
    ["a softmax of old versions", inTurn(op("Softmax", { axis: 3 }), op("Flatten"), dense(3)), 11],
  ])("keeps what it cannot sink: %s", async (_, body, opset) => {
    const turned = turnInput(channelsLast(inTurn(convLast(4), body), opset), "NCHW");
    await expectAlike(turned, sinkTransposes(foldConstants(turned)), [2, 3, 6, 8]);
  });

  test("keeps outputs in the layout of the file", async () => {
    const model = channelsLast(inTurn(convLast(4), op("Relu")));
    const sunk = sinkTransposes(model);
    expect(sunk.outputs[0]!.shape).toEqual(["N", 6, 8, 4]);
    await expectAlike(model, sunk, [2, 6, 8, 3]);
  });

  test("keeps maps that stood with channels first, where blocks compute with channels last, as ConvNeXt's", async () => {
    const build = new GraphBuilder();
    const image = build.input("image", ["N", 3, 6, 8]);
    const x = inTurn(conv(4), toLast, op("LpNormalization"), toFirst)(build, image);
    const inner = inTurn(conv(4), toLast, product(4), toFirst)(build, x);
    const sum = build.add(inner, x, { name: "sum" });
    const head = inTurn(op("GlobalAveragePool"), op("Flatten"), dense(3));
    build.output(head(build, sum), "logits");
    const model = build.build();
    const sunk = sinkTransposes(model);
    await expectAlike(model, sunk, [2, 3, 6, 8]);
    const boundary = findBoundary(sunk, inferShapes(sunk));
    expect(boundary).toEqual({ tensor: "sum", shape: [1, 4, 6, 8] });
  });

  test("leaves graphs without changes of layout alone", () => {
    const build = new GraphBuilder();
    build.output(inTurn(conv(3), op("Relu"))(build, build.input("image", ["N", 3, 4, 4])), "y");
    const model = build.build();
    expect(sinkTransposes(model)).toBe(model);
  });

  test.each<[string, Step]>([
    ["flattening", inTurn(toLast, op("Flatten"), dense(4))],
    [
      "a mean over height and width",
      inTurn(toLast, op("ReduceMean", { axes: [1, 2], keepdims: 0 }), dense(4)),
    ],
    [
      "dropout and flattening",
      inTurn(op("Relu"), toLast, op("Dropout"), withIntegers("Reshape", [0, -1]), dense(4)),
    ],
  ])("finds the boundary before a head of %s", async (_, head) => {
    const build = new GraphBuilder();
    const features = build.relu(conv(5)(build, build.input("image", ["N", 3, 6, 8])), {
      name: "features",
    });
    build.output(head(build, features), "logits");
    const model = build.build();
    const sunk = sinkTransposes(foldConstants(model));
    expect(findBoundary(sunk, inferShapes(sunk)).shape).toEqual([1, 5, 6, 8]);
    await expectAlike(model, sunk, [2, 3, 6, 8]);
  });
});

describe("the layout of images", () => {
  const layoutOf = (shape: readonly (number | string)[], step: Step) => {
    const build = new GraphBuilder();
    const sizes = shape.map((size) => (typeof size === "number" ? size : 8));
    const x = build.input("image", ["N", ...sizes]);
    build.output(step(build, x), "y");
    const model = build.build();
    return imageLayout({ ...model, inputs: [{ ...model.inputs[0]!, shape: ["N", ...shape] }] });
  };

  test.each<[string, string, readonly (number | string)[], Step]>([
    ["NCHW", "a convolution reads it", ["h", "w", 3], conv(2)],
    ["NHWC", "a transpose reads it", ["h", "w", 3], toFirst],
    [
      "NHWC",
      "constants and a transpose read it",
      [8, 8, 8],
      inTurn(withConstant("Sub", [8]), toFirst),
    ],
    ["NHWC", "dropout and a transpose read it", [3, 8, 3], inTurn(op("Dropout"), toFirst)],
    ["NCHW", "a transpose to channels last reads it", [3, 8, 8], toLast],
    ["NHWC", "it has three channels behind", [6, 8, 3], op("Flatten")],
    ["NCHW", "it has three channels in front", [3, 8, 8], op("Flatten")],
    ["NCHW", "it has three channels at both places", [3, 8, 3], op("Flatten")],
    ["NHW", "it lacks an axis, which it is given", [8, 8], withIntegers("Unsqueeze", [1])],
    ["NCHW", "it lacks an axis, and is a sequence", [8, 8], op("Relu")],
  ])("is %s where %s", (expected, _, shape, step) => {
    expect(layoutOf(shape, step)).toBe(expected);
  });
});
