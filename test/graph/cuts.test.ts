import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { findBoundary, findCutPoints } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { cutGraph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { float32, graph, node } from "./graphs.ts";
import { inTurn, op, type Step, withIntegers } from "./steps.ts";

/** A network on 3 x 16 x 16 images; `head` begins at the output "features" of a convolution. */
function network(head: Step, body: Step = (_, x) => x): Graph {
  const build = new GraphBuilder();
  const image = build.input("image", ["N", 3, 16, 16]);
  const conv = build.conv(image, { name: "conv", outputs: 8, kernel: 3, padding: 1 });
  build.output(head(build, body(build, build.relu(conv, { name: "features" }))), "logits");
  return build.build();
}

const boundaryOf = (model: Graph, name?: string) => findBoundary(model, inferShapes(model), name);
const cutsOf = (model: Graph) => findCutPoints(model, inferShapes(model));

const linear: Step = (build, x) => build.linear(build.flatten(x), { name: "fc", outputs: 5 });
const convolution =
  (outputs: number, kernel = 1): Step =>
  (build, x) =>
    build.conv(x, { name: `head${outputs}`, outputs, kernel, bias: true });
function messageOf(body: () => unknown): string {
  try {
    body();
    return "";
  } catch (error) {
    return String(error);
  }
}

const scalar = (build: GraphBuilder, value: number) =>
  build.initializer("power", fromNumbers("float32", [], [value]));

describe("boundary", () => {
  test.each<[string, Step]>([
    ["global average pooling", inTurn(op("GlobalAveragePool"), linear)],
    [
      "a mean over height and width",
      inTurn(op("ReduceMean", { axes: [2, 3], keepdims: 0 }), linear),
    ],
    [
      "a mean that keeps its axes",
      inTurn(op("ReduceMean", { axes: [-1, -2], keepdims: 1 }), linear),
    ],
    [
      "average pooling",
      inTurn(op("AveragePool", { kernel_shape: [4, 4], strides: [4, 4] }), linear),
    ],
    [
      "average pooling that changes nothing",
      inTurn(op("AveragePool", { kernel_shape: [1, 1] }), linear),
    ],
    ["max pooling", inTurn(op("MaxPool", { kernel_shape: [2, 2] }), linear)],
    ["flattening", linear],
    [
      "pooling, dropout and two linear layers",
      inTurn(op("GlobalMaxPool"), op("Dropout"), (build, x) => {
        const hidden = build.relu(build.linear(build.flatten(x), { name: "fc1", outputs: 7 }));
        return build.linear(hidden, { name: "fc2", outputs: 5 });
      }),
    ],
    [
      "a convolution of pooled features",
      inTurn(op("GlobalAveragePool"), convolution(5), op("Flatten")),
    ],
    [
      "two convolutions of pooled features",
      inTurn(op("GlobalAveragePool"), convolution(7), op("HardSwish"), convolution(5)),
    ],
    [
      "a convolution of pooled features and a linear layer",
      inTurn(op("GlobalAveragePool"), convolution(7), op("HardSwish"), linear),
    ],
    ["a convolution that sees the whole map", inTurn(convolution(5, 16), op("Flatten"))],
    ["pooling and flattening alone", inTurn(op("GlobalAveragePool"), op("Flatten"))],
    [
      "a normalized pooled map",
      inTurn(op("GlobalAveragePool"), (build, x) => build.batchNorm(x, { name: "bn" }), linear),
    ],
    [
      "a generalized mean",
      inTurn(
        op("Clip"),
        (build, x) => build.node("Pow", [x, scalar(build, 3)]),
        op("GlobalAveragePool"),
        linear,
      ),
    ],
    [
      "a mean square",
      inTurn((build, x) => build.node("Mul", [x, x]), op("GlobalAveragePool"), linear),
    ],
    [
      "a normalization of channels last",
      inTurn(
        op("Transpose", { perm: [0, 2, 3, 1] }),
        op("LpNormalization"),
        op("ReduceMean", { axes: [1, 2], keepdims: 0 }),
        linear,
      ),
    ],
    [
      "two poolings side by side",
      (build, x) =>
        linear(
          build,
          build.concat([op("GlobalAveragePool")(build, x), op("GlobalMaxPool")(build, x)]),
        ),
    ],
  ])("lies before %s", (_, head) => {
    expect(boundaryOf(network(head))).toEqual({ tensor: "features", shape: [1, 8, 16, 16] });
  });

  test("lies behind normalization and activation", () => {
    const model = network(inTurn(op("GlobalAveragePool"), linear), (build, x) =>
      build.relu(build.batchNorm(x, { name: "bn" }), { name: "last" }),
    );
    expect(boundaryOf(model).tensor).toBe("last");
  });

  test("lies before the last pooling where several follow each other", () => {
    const pools = inTurn(
      op("MaxPool", { kernel_shape: [2, 2], strides: [2, 2] }),
      op("AveragePool", { kernel_shape: [1, 1] }),
    );
    expect(boundaryOf(network(inTurn(pools, linear))).shape).toEqual([1, 8, 8, 8]);
  });

  test("lies behind a convolution that classifies", () => {
    const model = network(inTurn(op("GlobalAveragePool"), op("Flatten")), (build, x) => {
      const scores = build.conv(build.node("Dropout", [x]), {
        name: "classifier",
        outputs: 5,
        kernel: 1,
      });
      return build.relu(scores, { name: "scores" });
    });
    expect(boundaryOf(model)).toEqual({ tensor: "scores", shape: [1, 5, 16, 16] });
  });

  test("lies behind an attention to channels, whose convolutions see one pixel", () => {
    const model = network(inTurn(op("GlobalAveragePool"), linear), (build, x) => {
      const squeezed = build.conv(build.globalAveragePool(x), {
        name: "se",
        outputs: 8,
        kernel: 1,
      });
      return build.node("Mul", [x, build.node("Sigmoid", [squeezed])], { name: "scaled" });
    });
    expect(boundaryOf(model).tensor).toBe("scaled");
    const flattened = network(linear, (build, x) => {
      const squeezed = build.conv(build.globalAveragePool(x), {
        name: "se",
        outputs: 8,
        kernel: 1,
      });
      return build.node("Mul", [x, build.node("Sigmoid", [squeezed])], { name: "scaled" });
    });
    expect(boundaryOf(flattened).tensor).toBe("scaled");
  });

  test("lies behind a convolution that pads its map", () => {
    const model = network(inTurn(op("GlobalAveragePool"), linear), (build, x) =>
      build.conv(x, { name: "strided", outputs: 8, kernel: 16, stride: 16, padding: 1 }),
    );
    expect(boundaryOf(model).shape).toEqual([1, 8, 1, 1]);
  });

  test("is found in a long chain, where square time would take the test longer than it may", () => {
    const nodes = Array.from({ length: 60_000 }, (_, i) =>
      node("Relu", [i === 0 ? "image" : `relu${i - 1}`], `relu${i}`),
    );
    const model = graph({
      inputs: { image: ["N", 2, 4, 4] },
      nodes: [...nodes, node("Flatten", ["relu59999"], "logits")],
      outputs: ["logits"],
    });
    const facts = inferShapes(model);
    expect(findBoundary(model, facts).tensor).toBe("relu59999");
    expect(findCutPoints(model, facts)).toHaveLength(59_999);
  });

  test("is no map that a residual path goes around", () => {
    const model = network(inTurn(op("GlobalAveragePool"), linear), (build, x) => {
      const inner = build.conv(x, { name: "inner", outputs: 8, kernel: 3, padding: 1 });
      return build.add(x, build.relu(inner), { name: "sum" });
    });
    expect(boundaryOf(model).tensor).toBe("sum");
    expect(() => boundaryOf(model, "inner")).toThrow(
      /"inner" cannot be the boundary: paths .* go around it/,
    );
  });

  test("can be asked for", () => {
    const model = network(inTurn(op("MaxPool", { kernel_shape: [2, 2] }), linear));
    const pooled = "features.maxpool";
    expect(boundaryOf(model, pooled)).toEqual({ tensor: pooled, shape: [1, 8, 15, 15] });
    expect(() => boundaryOf(model, "nothing")).toThrow(/has no tensor of that name/);
    expect(() => boundaryOf(model, "logits")).toThrow(/its shape is \[1, 5\]/);
    expect(
      boundaryOf(
        network(linear, (build, x) => build.conv(x, { name: "next", outputs: 4, kernel: 1 })),
        "features",
      ).tensor,
    ).toBe("features");
  });

  test("does not exist where the reason says so", () => {
    const map = network((build, x) => build.conv(x, { name: "mask", outputs: 2, kernel: 1 }));
    expect(() => boundaryOf(map)).toThrow(
      /no boundary .*: output "logits" has shape \[1, 2, 16, 16\]/,
    );

    const vector = graph({
      inputs: { x: ["N", 4] },
      initializers: { w: float32([4, 2]) },
      nodes: [node("MatMul", ["x", "w"], "y")],
      outputs: ["y"],
    });
    expect(() => boundaryOf(vector)).toThrow(
      /no tensor of shape \[batch, channels, height, width\] .*; the model has no convolution/,
    );

    const pooled = inTurn(op("GlobalAveragePool"), op("Flatten"));
    const beside = network((build, x) =>
      build.add(pooled(build, convolution(8)(build, x)), pooled(build, x)),
    );
    expect(() => boundaryOf(beside)).toThrow(
      /after the last feature map "features" still comes Conv .* --boundary "features"/,
    );

    const build = new GraphBuilder();
    const image = build.input("image", ["N", 3, 16, 16]);
    const [first, second] = [4, 5].map((kernel) => {
      const options = { name: `conv${kernel}`, outputs: 5, kernel };
      return pooled(build, build.conv(image, options));
    });
    build.output(build.add(first!, second!), "logits");
    expect(() => boundaryOf(build.build())).toThrow(/several networks, or several views/);

    const attention = network((build, x) => {
      const tokens = build.node("Squeeze", [op("ReduceMean", { axes: [2] })(build, x)], {
        attributes: {},
      });
      const turned = build.node("Transpose", [tokens]);
      const weights = build.node("Softmax", [build.node("MatMul", [tokens, turned])]);
      return build.node("MatMul", [weights, tokens], { name: "attended" });
    });
    expect(() => boundaryOf(attention)).toThrow(
      /after the last feature map "features.reducemean" still comes MatMul node "attended", attention: where the model is a transformer, .* --boundary "features.reducemean"/,
    );
  });
});

describe("the boundary before attention that pools", () => {
  /** The mean of 4 x 4 pixels asks for them in two heads of four channels: [N, 2, 1, 4] and [N, 1, 2, 4] behind it. */
  const attentionPool: Step = (build, map) => {
    const x = op("AveragePool", { kernel_shape: [4, 4], strides: [4, 4] })(build, map);
    const into = (tensor: string, ...shape: number[]) => {
      const sizes = build.initializer(`shape${shape}`, fromNumbers("int64", [4], shape));
      return build.node("Reshape", [tensor, sizes]);
    };
    const keys = into(x, 0, 2, 4, 16);
    const query = op("Transpose", { perm: [0, 1, 3, 2] })(
      build,
      into(op("GlobalAveragePool")(build, x), 0, 2, 4, 1),
    );
    const values = op("Transpose", { perm: [0, 1, 3, 2] })(build, keys);
    const weights = build.node("Softmax", [build.node("MatMul", [query, keys])]);
    const attended = build.node("MatMul", [weights, values], { name: "attended" });
    return linear(build, op("Transpose", { perm: [0, 2, 1, 3] })(build, attended));
  };

  test("is none of its heads, and is offered", () => {
    const model = network(attentionPool);
    expect(() => boundaryOf(model)).toThrow(
      /still comes MatMul node .* where attention only pools what convolutions made, .* --boundary "features/,
    );
    const name = /--boundary "(.*)"/.exec(messageOf(() => boundaryOf(model)))![1]!;
    expect(boundaryOf(model, name).shape).toEqual([1, 8, 4, 4]);
  });

  test("is a map that attention gave the same pixels", () => {
    const model = network((build, x) => {
      const sizes = build.initializer("row", fromNumbers("int64", [3], [0, 8, 256]));
      const row = build.node("Reshape", [x, sizes]);
      const column = op("Transpose", { perm: [0, 2, 1] })(build, row);
      const weights = build.node("Softmax", [build.node("MatMul", [row, column])]);
      const attended = build.node("MatMul", [weights, row]);
      const back = build.initializer("map", fromNumbers("int64", [4], [0, 8, 16, 16]));
      const map = build.add(build.node("Reshape", [attended, back]), x, { name: "sum" });
      return linear(build, op("GlobalAveragePool")(build, map));
    });
    expect(boundaryOf(model).tensor).toBe("sum");
  });
});

describe("linear layers over the places of a map", () => {
  const weight = (build: GraphBuilder, name: string, shape: readonly number[]) =>
    build.initializer(name, float32(shape));
  const rows = withIntegers("Reshape", [0, 8, 256]);
  const tokens = inTurn(rows, op("Transpose", { perm: [0, 2, 1] }));
  const overPixels: Step = (build, x) =>
    build.node("MatMul", [weight(build, "mix", [256, 256]), x], { name: "mixed" });
  const overChannels: Step = (build, x) =>
    build.node("MatMul", [x, weight(build, "mix", [8, 8])], { name: "mixed" });
  const inOneMatrix = inTurn(withIntegers("Reshape", [-1, 8]), (build, x) =>
    build.node("Gemm", [x, weight(build, "mix", [8, 8])], { name: "mixed" }),
  );
  const pooled = inTurn(op("ReduceMean", { axes: [1], keepdims: 0 }), linear);

  test.each<[string, Step]>([
    ["pixels", inTurn(tokens, overPixels, pooled)],
    ["channels", inTurn(tokens, overChannels, pooled)],
    [
      "channels, as rows of one matrix",
      inTurn(tokens, inOneMatrix, withIntegers("Reshape", [-1, 256, 8]), pooled),
    ],
  ])("are no classifier: over %s", (_, head) => {
    const model = network(head);
    expect(() => boundaryOf(model)).toThrow(
      /last feature map "features" still comes \w+ node "mixed", a linear layer .* MLP-Mixer .* --boundary "features"/,
    );
    expect(boundaryOf(model, "features").tensor).toBe("features");
  });

  test("are hidden where a map comes after them", () => {
    const back = inTurn(
      tokens,
      overPixels,
      op("Transpose", { perm: [0, 2, 1] }),
      withIntegers("Reshape", [0, 8, 16, 16]),
      (build, x) => build.relu(x, { name: "last" }),
    );
    expect(boundaryOf(network(inTurn(op("GlobalAveragePool"), linear), back)).tensor).toBe("last");
  });

  test("are a classifier where each place has weights of its own", () => {
    const own: Step = (build, x) => build.node("MatMul", [x, weight(build, "own", [8, 16, 4])]);
    const parts = inTurn(
      op("AveragePool", { kernel_shape: [4, 4], strides: [4, 4] }),
      withIntegers("Reshape", [0, 8, 1, 16]),
      own,
      linear,
    );
    expect(boundaryOf(network(parts)).tensor).toBe("features");
  });
});

describe("cut points", () => {
  const residual = network(inTurn(op("GlobalAveragePool"), linear), (build, x) => {
    const inner = build.relu(build.conv(x, { name: "inner", outputs: 8, kernel: 3, padding: 1 }));
    const sum = build.add(x, inner, { name: "sum" });
    return build.relu(sum, { name: "last" });
  });

  test("are the maps that all paths pass through, before the boundary", () => {
    expect(cutsOf(residual)).toEqual(["conv", "features", "sum"]);
  });

  test("are no maps with channels last", () => {
    const last = network(inTurn(op("GlobalAveragePool"), linear), (build, x) => {
      const normal = op("LpNormalization")(
        build,
        op("Transpose", { perm: [0, 2, 3, 1] })(build, x),
      );
      return build.relu(op("Transpose", { perm: [0, 3, 1, 2] })(build, normal), { name: "last" });
    });
    expect(cutsOf(last)).toEqual([
      "conv",
      "features",
      "features.transpose.lpnormalization.transpose",
    ]);
  });

  test("are no maps whose first axis holds more than the batch", () => {
    const inParts = network(inTurn(op("GlobalAveragePool"), linear), (build, x) => {
      const parts = withIntegers("Reshape", [-1, 4, 16, 16])(build, x);
      const conv = build.conv(parts, { name: "parts", outputs: 4, kernel: 3, padding: 1 });
      const whole = withIntegers("Reshape", [-1, 8, 16, 16])(build, conv);
      return build.relu(build.relu(whole, { name: "whole" }), { name: "last" });
    });
    expect(cutsOf(inParts)).toEqual(["conv", "features", "parts.reshape", "whole"]);
  });

  test("are the same in the extractor alone", () => {
    const facts = inferShapes(residual);
    const { extractor } = cutGraph(residual, findBoundary(residual, facts).tensor, facts);
    expect(cutsOf(extractor)).toEqual(["conv", "features", "sum"]);
  });

  test("each cut the network in two", () => {
    for (const tensor of cutsOf(residual)) {
      const { extractor, classifier } = cutGraph(residual, tensor);
      expect(extractor.nodes.length + classifier.nodes.length).toBe(residual.nodes.length);
    }
  });
});
