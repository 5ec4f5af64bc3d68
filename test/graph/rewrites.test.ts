import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { int } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { normal, uniform } from "../../src/graph/random.ts";
import { takeBranches } from "../../src/graph/rewrites/branches.ts";
import {
  compose,
  cutGraph,
  eliminateDeadNodes,
  endInLogits,
  fixInputSizes,
  foldBatchNorm,
  foldConstants,
  freeBatch,
  protectPadding,
  renameTensors,
  stripNames,
  subgraph,
} from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32, fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { float32, graph, int64, node } from "./graphs.ts";
import { evaluate, randomInput, relativeDifference } from "./onnxruntime.ts";

const operators = ({ nodes }: Graph) => nodes.map(({ operator }) => operator);

/** Gives normalizations statistics as training leaves them; `negative` scales are possible. */
function trained(model: Graph, { negative = true } = {}): Graph {
  const initializers = new Map<string, TensorData>();
  for (const [name, value] of model.initializers) {
    const stream = { seed: 5, name };
    const count = value.shape.reduce((product, size) => product * size, 1);
    const positive = () =>
      fromFloat32(
        value.shape,
        uniform(stream, count).map((u) => u + 0.5),
      );
    const any = () => fromFloat32(value.shape, normal(stream, count));
    const isPositive = name.endsWith("running_var") || (!negative && /bn.*weight/.test(name));
    initializers.set(name, isPositive ? positive() : name.includes("bn") ? any() : value);
  }
  return { ...model, initializers };
}

const plan = fc.record({
  kernel: fc.constantFrom(1, 2, 3),
  stride: fc.constantFrom(1, 2),
  padding: fc.constantFrom(0, 1),
  grouped: fc.boolean(),
  bias: fc.boolean(),
  pool: fc.boolean(),
  relu: fc.boolean(),
});

describe("foldBatchNorm", () => {
  test("preserves what the network computes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 3 }), async (layers) => {
        const build = new GraphBuilder();
        let x = build.input("x", ["N", 4, 16, 16]);
        layers.forEach(({ pool, relu, grouped, ...options }, i) => {
          x = build.conv(x, { name: `conv${i}`, outputs: 4, groups: grouped ? 2 : 1, ...options });
          if (pool) x = build.maxPool(x, { kernel: 2, stride: 1, padding: 1 });
          x = build.batchNorm(x, { name: `bn${i}` });
          if (relu) x = build.relu(x);
        });
        build.output(x, "y");
        const model = trained(build.build(), { negative: !layers.some(({ pool }) => pool) });
        const folded = foldBatchNorm(model);
        expect(operators(folded)).not.toContain("BatchNormalization");
        const inputs = { x: [2, 4, 16, 16] };
        const [before, after] = [await evaluate(model, inputs), await evaluate(folded, inputs)];
        expect(relativeDifference(before.y!, after.y!)).toBeLessThan(1e-5);
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  test("removes the normalization's parameters and shrinks nothing else", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 3, 4, 4]);
    const normalized = build.batchNorm(build.conv(x, { name: "c", outputs: 2, kernel: 1 }), {
      name: "bn",
    });
    build.output(normalized, "y");
    const folded = foldBatchNorm(build.build());
    expect([...folded.initializers.keys()]).toEqual(["c.weight", "bn.bias"]);
    expect(folded.nodes[0]).toMatchObject({ inputs: ["x", "c.weight", "bn.bias"], outputs: ["y"] });
  });

  const normalization = (x: string, y: string, attributes = {}) =>
    node("BatchNormalization", [x, "s", "b", "m", "v"], y, attributes);
  const parameters = {
    w: float32([2, 2, 1, 1], [1, 2, 3, 4]),
    s: float32([2], [2, -1]),
    b: float32([2]),
    m: float32([2]),
    v: float32([2]),
  };
  const inputs = { x: [1, 2, 3, 3] };

  test.each<[string, readonly ReturnType<typeof node>[], readonly string[]]>([
    [
      "another node reads the convolution",
      [node("Conv", ["x", "w"], "c"), normalization("c", "n"), node("Add", ["c", "n"], "y")],
      ["y"],
    ],
    [
      "the convolution is an output",
      [node("Conv", ["x", "w"], "c"), normalization("c", "y")],
      ["y", "c"],
    ],
    [
      "it is in training form",
      [node("Conv", ["x", "w"], "c"), normalization("c", "y", { training_mode: 1 })],
      ["y"],
    ],
    [
      "it follows a transposed convolution",
      [node("ConvTranspose", ["x", "w"], "c"), normalization("c", "y")],
      ["y"],
    ],
    [
      "a negative scale follows max pooling",
      [
        node("Conv", ["x", "w"], "c"),
        node("MaxPool", ["c"], "p", { kernel_shape: [2, 2] }),
        normalization("p", "y"),
      ],
      ["y"],
    ],
    [
      "it comes before the convolution",
      [normalization("x", "n"), node("Conv", ["n", "w"], "y")],
      ["y"],
    ],
  ])("leaves a normalization where %s", (_, nodes, outputs) => {
    const model = graph({ inputs, initializers: parameters, nodes, outputs });
    expect(foldBatchNorm(model).nodes).toEqual(nodes);
  });

  test.each<[string, object, readonly number[], readonly number[], readonly number[]]>([
    // Deviations of 1 and 2, so that the scales are 2 and -0.5.
    ["its own epsilon", { epsilon: 0.75 }, [0.25, 3.25], [2, 4, -1.5, -2], [18.5, -9.5]],
    // 1e-5 where none is written: the root of 9e-5 + 1e-5 is 0.01.
    ["the usual epsilon", {}, [9e-5, 3.99999], [200, 400, -1.5, -2], [1800.5, -9.5]],
  ])(
    "makes the weights that are worked out by hand, with %s",
    (_, attributes, variances, weights, biases) => {
      const model = graph({
        inputs,
        initializers: {
          w: float32([2, 2, 1, 1], [1, 2, 3, 4]),
          c: float32([2], [10, 20]),
          s: float32([2], [2, -1]),
          b: float32([2], [0.5, 1]),
          m: float32([2], [1, -1]),
          v: float32([2], variances),
        },
        nodes: [node("Conv", ["x", "w", "c"], "d"), normalization("d", "y", attributes)],
        outputs: ["y"],
      });
      const folded = foldBatchNorm(model);
      const [conv] = folded.nodes;
      const [weight, bias] = conv!.inputs.slice(1).map((name) => folded.initializers.get(name)!);
      const made = [...toNumbers(weight!), ...toNumbers(bias!)];
      for (const [i, wanted] of [...weights, ...biases].entries()) {
        expect(made[i]! / wanted).toBeCloseTo(1, 4);
      }
    },
  );

  test("copies weights that another convolution shares", async () => {
    const nodes = [
      node("Conv", ["x", "w"], "c"),
      normalization("c", "n"),
      node("Conv", ["n", "w"], "d"),
      normalization("d", "y"),
    ];
    const model = graph({ inputs, initializers: parameters, nodes, outputs: ["y"] });
    const folded = foldBatchNorm(model);
    expect(operators(folded)).toEqual(["Conv", "Conv"]);
    const [before, after] = [await evaluate(model, inputs), await evaluate(folded, inputs)];
    expect(relativeDifference(before.y!, after.y!)).toBeLessThan(1e-5);
  });
});

describe("foldConstants", () => {
  // What PyTorch exports for x.view(x.size(0), -1), with a dropout and an identity around it.
  const flattening = graph({
    inputs: { x: ["N", 2, 3, 3] },
    initializers: {
      axis: fromNumbers("int64", [], [0]),
      rest: int64(-1),
      w: float32([18, 2]),
      zero: int64(0),
    },
    nodes: [
      node("Shape", ["x"], "shape"),
      node("Gather", ["shape", "axis"], "batch"),
      node("Unsqueeze", ["batch", "zero"], "batches"),
      node("Concat", ["batches", "rest"], "target", { axis: 0 }),
      node("Identity", ["x"], "same"),
      node("Reshape", ["same", "target"], "flat"),
      node("Dropout", ["flat"], "dropped"),
      node("MatMul", ["dropped", "w"], "product"),
      node("Identity", ["product"], "y"),
    ],
    outputs: ["y"],
  });

  test("leaves no shape arithmetic, identity or dropout, for any batch size", async () => {
    const folded = foldConstants(flattening);
    expect(operators(folded)).toEqual(["Reshape", "MatMul"]);
    expect(folded.outputs).toEqual(flattening.outputs);
    for (const batch of [1, 5]) {
      const inputs = { x: [batch, 2, 3, 3] };
      const [before, after] = [await evaluate(flattening, inputs), await evaluate(folded, inputs)];
      expect(relativeDifference(before.y!, after.y!)).toBe(0);
    }
  });

  test("makes a Reshape of a Gather that takes everything in order, as dynamo spells as_strided", async () => {
    const scalar = (value: number) => fromNumbers("int64", [], [value]);
    const strided = (step: number): Graph =>
      graph({
        inputs: { x: ["N", 6, 1, 1] },
        initializers: {
          all: int64(-1),
          target: int64(-1, 6),
          axes: int64(1),
          none: scalar(0),
          one: scalar(1),
          step: scalar(step),
          columns: fromNumbers("int64", [1, 6], [0, 1, 2, 3, 4, 5]),
        },
        nodes: [
          node("Shape", ["x"], "batch", { start: 0, end: 1 }),
          node("Squeeze", ["batch"], "count"),
          node("Reshape", ["x", "all"], "flat"),
          node("Range", ["none", "count", "one"], "rows"),
          node("Mul", ["rows", "step"], "starts"),
          node("Unsqueeze", ["starts", "axes"], "column"),
          node("Add", ["column", "columns"], "indices"),
          node("Gather", ["flat", "indices"], "strided", { axis: 0 }),
          node("Reshape", ["strided", "target"], "y"),
        ],
        outputs: ["y"],
      });
    const folded = foldConstants(strided(6));
    expect(operators(folded)).toEqual(["Reshape", "Reshape"]);
    const inputs = { x: [3, 6, 1, 1] };
    const [before, after] = [await evaluate(strided(6), inputs), await evaluate(folded, inputs)];
    expect(after).toEqual(before);
    expect(operators(foldConstants(strided(5)))).toContain("Gather");
  });

  test("leaves a target as it is that makes two rows of each image", async () => {
    const model = graph({
      inputs: { x: ["N", 2, 3, 3] },
      initializers: {
        axis: fromNumbers("int64", [], [0]),
        two: fromNumbers("int64", [], [2]),
        rest: int64(3, 3),
        zero: int64(0),
      },
      nodes: [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "axis"], "batch"),
        node("Mul", ["batch", "two"], "both"),
        node("Unsqueeze", ["both", "zero"], "rows"),
        node("Concat", ["rows", "rest"], "target", { axis: 0 }),
        node("Reshape", ["x", "target"], "y"),
      ],
      outputs: ["y"],
    });
    const inputs = { x: [2, 2, 3, 3] };
    expect(await evaluate(foldConstants(model), inputs)).toEqual(await evaluate(model, inputs));
  });

  test("gives a constant no name that a tensor has", async () => {
    const model = graph({
      inputs: { x: ["N", 2, 3, 3] },
      initializers: { axis: fromNumbers("int64", [], [0]), rest: int64(-1), zero: int64(0) },
      nodes: [
        node("Shape", ["x"], "flat.shape"),
        node("Gather", ["flat.shape", "axis"], "batch"),
        node("Unsqueeze", ["batch", "zero"], "batches"),
        node("Concat", ["batches", "rest"], "target", { axis: 0 }),
        node("Reshape", ["x", "target"], "flat"),
        node("ConstantOfShape", ["flat.shape"], "zeros"),
        node("Flatten", ["zeros"], "flat zeros"),
        node("Add", ["flat", "flat zeros"], "y"),
      ],
      outputs: ["y"],
    });
    const folded = foldConstants(model);
    expect(operators(folded)).not.toContain("Concat");
    const inputs = { x: [2, 2, 3, 3] };
    expect(await evaluate(folded, inputs)).toEqual(await evaluate(model, inputs));
  });

  test("keeps what depends on the batch size", () => {
    const model = graph({
      inputs: { x: ["N", 4] },
      initializers: { two: fromNumbers("float32", [], [2]) },
      nodes: [
        node("Shape", ["x"], "shape"),
        node("ConstantOfShape", ["shape"], "zeros"),
        node("Add", ["two", "two"], "four"),
        node("Add", ["zeros", "four"], "y"),
      ],
      outputs: ["y"],
    });
    const folded = foldConstants(model);
    expect(operators(folded)).toEqual(["Shape", "ConstantOfShape", "Add"]);
    expect([...folded.initializers.keys()]).toEqual(["four"]);
  });

  test("takes the branch that a constant condition decides", async () => {
    const branch = (operator: string) =>
      ({
        type: "graph",
        value: graph({ nodes: [node(operator, ["x"], "inner")], outputs: ["inner"] }),
      }) as const;
    const attributes = { then_branch: branch("Sigmoid"), else_branch: branch("Exp") };
    const model = graph({
      inputs: { x: ["N", 4] },
      initializers: { yes: fromNumbers("bool", [], [1]) },
      nodes: [
        node("Not", ["yes"], "no"),
        node("If", ["no"], "a", attributes),
        node("If", ["yes"], "b", attributes),
        node("Add", ["a", "b"], "y"),
      ],
      outputs: ["y"],
    });
    const folded = foldConstants(model);
    expect(operators(folded)).toEqual(["Exp", "Sigmoid", "Add"]);
    // What has no name keeps none, and others get one that no other node has.
    const nameless = (each: Graph["nodes"][number]) => ({ ...each, name: "" });
    const two = graph({
      nodes: [node("Neg", ["x"], "i"), node("Abs", ["i"], "inner")].map(nameless),
      outputs: ["inner"],
    });
    const unnamed = { ...attributes, then_branch: { type: "graph", value: two } as const };
    const choice = graph({
      inputs: { x: ["N", 4] },
      initializers: { yes: fromNumbers("bool", [], [1]) },
      nodes: [node("If", ["yes"], "y", unnamed)],
      outputs: ["y"],
    });
    expect(() => encodeModel(takeBranches(choice))).not.toThrow();
    const inputs = { x: [2, 4] };
    const [before, after] = [await evaluate(model, inputs), await evaluate(folded, inputs)];
    expect(relativeDifference(before.y!, after.y!)).toBe(0);
  });
});

describe("endInLogits", () => {
  const softmax = (build: GraphBuilder, x: string, axis: number) =>
    build.node("Softmax", [x], { attributes: { axis: int(axis) } });
  const network = (ending: (build: GraphBuilder, logits: string) => string): Graph => {
    const build = new GraphBuilder();
    const weighted = softmax(build, build.input("x", ["N", 6]), 1);
    const logits = build.linear(weighted, { name: "fc", outputs: 4 });
    build.output(ending(build, logits), "y");
    return build.build();
  };
  const plain = network((_, logits) => logits);

  test.each<[string, Graph]>([
    ["the usual", network((build, x) => build.node("Softmax", [x]))],
    ["its logarithm", network((build, x) => build.node("LogSoftmax", [x]))],
    ["a sigmoid of each class", network((build, x) => build.node("Sigmoid", [x]))],
    ["the second axis", network((build, x) => build.node("Identity", [softmax(build, x, 1)]))],
    [
      "of maps of one pixel",
      network((build, x) => {
        const sizes = build.initializer("sizes", fromNumbers("int64", [4], [-1, 4, 1, 1]));
        return build.flatten(softmax(build, build.node("Reshape", [x, sizes]), 1));
      }),
    ],
    [
      "before axes that come and go, and dropout",
      network((build, x) => {
        const axis = build.initializer("axis", fromNumbers("int64", [1], [2]));
        const column = build.node("Unsqueeze", [softmax(build, x, 1), axis]);
        return build.node("Dropout", [build.flatten(column)]);
      }),
    ],
  ])("takes what is last of the logits away, and nothing else: %s", async (_, model) => {
    const inputs = { x: [2, 6] };
    const answer = async (graph: Graph) => (await evaluate(graph, inputs)).y;
    const expected = await answer(plain);
    expect(await answer(endInLogits(model))).toEqual(expected);
    expect((await answer(model))!.values).not.toEqual(expected!.values);
  });

  test("leaves a network as it is that ends in logits or a softmax of another axis", () => {
    const others = [
      plain,
      network((build, x) => softmax(build, x, 0)),
      network((build, x) => build.relu(build.node("Softmax", [x]))),
    ];
    for (const model of others) expect(endInLogits(model)).toBe(model);
  });
});

describe("protectPadding", () => {
  const window = { kernel_shape: [3, 3] };
  const pooled = (values: Parameters<typeof node>[3], between: readonly string[] = []) => {
    const nodes = [node("Pad", ["x", "pads"], "p")];
    for (const operator of between) nodes.push(node(operator, [nodes.at(-1)!.name], operator));
    return graph({
      inputs: { x: ["N", 2, 6, 6] },
      initializers: { pads: int64(0, 0, 1, 1, 0, 0, 1, 1) },
      nodes: [...nodes, node("MaxPool", [nodes.at(-1)!.name], "y", values)],
      outputs: ["y"],
    });
  };

  test.each([[[]], [["Cast"]]])("marks max pooling of a padded map, behind %j", (between) => {
    const zeros = { ...window, pads: [0, 0, 0, 0] };
    const [before, after] = [pooled(zeros, between), protectPadding(pooled(zeros, between))];
    expect(after.nodes.slice(0, -1)).toEqual(before.nodes.slice(0, -1));
    expect(after.nodes.at(-1)).toEqual(
      node("MaxPool", before.nodes.at(-1)!.inputs, "y", { ...window, auto_pad: "VALID" }),
    );
  });

  test.each([
    { ...window, pads: [0, 1, 0, 1] },
    { ...window, auto_pad: "SAME_UPPER" },
    { ...window, strides: [2, 2], ceil_mode: 1 },
  ])("leaves pooling as it is that has no such form: %j", (values) => {
    const model = pooled(values);
    expect(protectPadding(model)).toEqual(model);
  });

  test("leaves pooling of other maps as it is", () => {
    const model = pooled(window, ["Relu"]);
    expect(protectPadding(model)).toEqual(model);
  });
});

describe("input sizes", () => {
  const fixed = (target: readonly number[]) =>
    graph({
      inputs: { x: [1, 2, 3, 3] },
      initializers: { target: int64(...target), bias: float32([1, 18]) },
      nodes: [node("Reshape", ["x", "target"], "flat"), node("Add", ["flat", "bias"], "y")],
      outputs: ["y"],
    });

  test("frees the batch size that an export fixed", async () => {
    const free = freeBatch(fixed([1, -1]))!;
    expect(free.inputs[0]?.shape).toEqual(["N", 2, 3, 3]);
    expect((await evaluate(free, { x: [4, 2, 3, 3] })).y?.shape).toEqual([4, 18]);
  });

  test("gives up where a node depends on the batch size", () => {
    expect(freeBatch(fixed([-1, 18]))).toBeDefined();
    const model = fixed([2, 9]);
    expect(
      freeBatch({
        ...model,
        initializers: new Map([...model.initializers, ["bias", float32([2, 9])]]),
      }),
    ).toBeUndefined();
  });

  test("fixes height and width", () => {
    const model = graph({
      inputs: { x: ["N", 3, "h", "w"] },
      nodes: [node("Relu", ["x"], "y")],
      outputs: ["y"],
    });
    expect(inferShapes(fixInputSizes(model, [3, 8, 9])).get("y")?.shape).toEqual([1, 3, 8, 9]);
    expect(() => fixInputSizes(model, [1, 8, 9])).toThrow(/cannot have the sizes 1 x 8 x 9/);
  });
});

describe("parts", () => {
  const model = (() => {
    const build = new GraphBuilder({ name: "model" });
    const x = build.input("x", ["N", 3, 8, 8]);
    const first = build.relu(build.conv(x, { name: "conv1", outputs: 4, kernel: 3, padding: 1 }));
    const second = build.add(first, build.conv(first, { name: "conv2", outputs: 4, kernel: 1 }));
    const pooled = build.flatten(build.globalAveragePool(second));
    build.output(build.linear(pooled, { name: "fc", outputs: 5 }), "logits");
    return build.build();
  })();
  const middle = model.nodes[1]!.outputs[0]!;

  test("compute together what the whole computes", async () => {
    const { extractor, classifier } = cutGraph(model, middle);
    expect(extractor.outputs).toEqual([{ name: middle, dtype: "float32", shape: ["N", 4, 8, 8] }]);
    expect([...extractor.initializers.keys()]).toEqual(["conv1.weight"]);
    const inputs = { x: [2, 3, 8, 8] };
    const whole = await evaluate(model, inputs);
    const features = await evaluate(extractor, inputs);
    const parts = await evaluate(classifier, features);
    expect(relativeDifference(whole.logits!, parts.logits!)).toBeLessThan(1e-6);
    const joined = compose(extractor, classifier);
    expect(joined.inputs).toEqual(model.inputs);
    expect(joined.outputs).toEqual(model.outputs);
    expect(relativeDifference(whole.logits!, (await evaluate(joined, inputs)).logits!)).toBe(0);
  });

  test("join even where they use the same names", async () => {
    const squared = renameTensors(
      graph({
        inputs: { a: ["N", 5] },
        initializers: { w: float32([5]) },
        nodes: [node("Mul", ["a", "w"], "b"), node("Mul", ["b", "b"], "y")],
        outputs: ["y"],
      }),
      (name) => name,
    );
    const twice = compose(
      squared,
      renameTensors(squared, (name) =>
        name === "a" ? "y" : name === "y" ? "b" : name === "b" ? "a" : name,
      ),
    );
    expect(twice.outputs[0]?.name).toBe("b");
    const x = { shape: [1, 5], values: Float32Array.of(1, 2, 3, 4, 5) };
    expect([...(await evaluate(twice, { a: x })).b!.values]).toEqual([1, 16, 81, 256, 625]);
  });

  test("need the batch size of the input no more", async () => {
    const batchFromInput = graph({
      inputs: { x: ["N", 2, 3, 3] },
      initializers: { zero: int64(0), columns: int64(18), w: float32([2, 2, 1, 1]) },
      nodes: [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "zero"], "batch"),
        node("Conv", ["x", "w"], "c"),
        node("Concat", ["batch", "columns"], "target", { axis: 0 }),
        node("ConstantOfShape", ["target"], "zeros"),
        // The name is one that the batch size of "c" could take.
        node("Flatten", ["c"], "shape.first"),
        node("Add", ["shape.first", "zeros"], "y"),
      ],
      outputs: ["y"],
    });
    const { extractor, classifier } = cutGraph(batchFromInput, "c");
    expect(operators(extractor)).toEqual(["Conv"]);
    const inputs = { x: [4, 2, 3, 3] };
    const whole = await evaluate(batchFromInput, inputs);
    const parts = await evaluate(classifier, await evaluate(extractor, inputs));
    expect(relativeDifference(whole.y!, parts.y!)).toBe(0);
  });

  test("are refused where a path goes around the cut", () => {
    const conv2 = model.nodes[2]!.outputs[0]!;
    expect(() => cutGraph(model, conv2)).toThrow(
      /"logits" cannot be computed from "conv2" alone.*input "x"/,
    );
    expect(subgraph(model, { inputs: [conv2, middle], outputs: ["logits"] }).nodes).toHaveLength(4);
    expect(() => compose(model, { ...model, opset: 11 })).toThrow(/opset 17 and 11/);
  });

  test("lose what no output needs", () => {
    const dead = { ...model, nodes: [...model.nodes, node("Relu", ["x"], "unused")] };
    expect(eliminateDeadNodes(dead)).toEqual(model);
  });

  test("keep the numbers that are names of their input and output apart from new ones", async () => {
    const names = new Map([
      ["x", "0"],
      ["logits", "2"],
    ]);
    const numbered = renameTensors(model, (name) => names.get(name) ?? name);
    const inputs = { "0": randomInput("x", [2, 3, 8, 8]) };
    const [before, after] = [numbered, stripNames(numbered)].map((each) => evaluate(each, inputs));
    expect(await after).toEqual(await before);
  });

  test("lose their names", async () => {
    const stripped = stripNames(model);
    const names = JSON.stringify([
      stripped.name,
      stripped.nodes,
      [...stripped.initializers.keys()],
    ]);
    expect(names).not.toMatch(/conv|fc|relu|model|weight|bias/);
    expect(stripped.inputs.concat(stripped.outputs).map(({ name }) => name)).toEqual([
      "x",
      "logits",
    ]);
    const inputs = { x: [2, 3, 8, 8] };
    const [before, after] = [await evaluate(model, inputs), await evaluate(stripped, inputs)];
    expect(relativeDifference(before.logits!, after.logits!)).toBe(0);
  });
});
