// What is written is what is read, and ONNX Runtime takes it.
import * as fc from "fast-check";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import {
  type Attribute,
  type DataType,
  elementSize,
  type Graph,
  type Node,
  type TensorData,
} from "../../src/graph/graph.ts";
import { encodeModel, opsets, parseModel } from "../../src/onnx/index.ts";

function sampleGraph(parts: Partial<Graph> = {}): Graph {
  const relu: Node = {
    name: "r",
    operator: "Relu",
    domain: "",
    inputs: ["x"],
    outputs: ["y"],
    attributes: {},
  };
  return {
    name: "g",
    opset: 17,
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2] }],
    nodes: [relu],
    initializers: new Map(),
    ...parts,
  };
}

const floats = (...values: number[]): TensorData => ({
  dtype: "float32",
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

const dtypes = Object.keys(elementSize) as DataType[];
const names = fc.string({ minLength: 1, maxLength: 8 }).filter((name) => /^[ -~]+$/.test(name));
const tensors: fc.Arbitrary<TensorData> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(1),
  })
  .map(({ dtype, shape, seed }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Uint8Array.from({ length: count * elementSize[dtype] }, (_, i) =>
      dtype === "bool" ? (i + seed) % 2 : (i * 37 + seed) % 256,
    );
    return { dtype, shape, data };
  });
const floatValues = fc.float().map(Math.fround);
const attributes: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ type: fc.constant("float" as const), value: floatValues }),
  fc.record({ type: fc.constant("int" as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant("string" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ type: fc.constant("tensor" as const), value: tensors }),
  fc.record({ type: fc.constant("floats" as const), value: fc.array(floatValues) }),
  fc.record({ type: fc.constant("ints" as const), value: fc.array(fc.maxSafeInteger()) }),
  fc.record({ type: fc.constant("strings" as const), value: fc.array(fc.string()) }),
);
const dimensions = fc.option(fc.array(fc.oneof(fc.nat(9), names, fc.constant(""))), {
  nil: undefined,
});

/** A chain: each node reads tensors that are there, and defines new ones. */
const graphs: fc.Arbitrary<Graph> = fc
  .record({
    opset: fc.integer({ min: opsets.oldest, max: opsets.newest }),
    name: names,
    inputs: fc.uniqueArray(names, { minLength: 1, maxLength: 3 }),
    weights: fc.uniqueArray(names, { maxLength: 3 }),
    values: fc.array(tensors, { minLength: 3, maxLength: 3 }),
    shape: dimensions,
    dtype: fc.constantFrom(...dtypes),
    steps: fc.array(
      fc.record({
        operator: names,
        reads: fc.array(fc.option(fc.nat(20)), { maxLength: 3 }),
        attributes: fc.dictionary(names, attributes, { maxKeys: 3 }),
        isNamed: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ opset, name, inputs, weights, values, shape, dtype, steps }) => {
    const known = [...inputs.map((text) => `in ${text}`), ...weights.map((text) => `w ${text}`)];
    const nodes = steps.map((step, index): Node => {
      const reads = step.reads.map((at) => (at === null ? "" : known[at % known.length]!));
      known.push(`t${index}`);
      return {
        name: step.isNamed ? `node ${index}` : "",
        operator: step.operator === "Constant" ? "Relu" : step.operator,
        domain: "",
        inputs: reads,
        outputs: index % 2 === 0 ? [`t${index}`] : ["", `t${index}`],
        attributes: step.attributes,
      };
    });
    return {
      name,
      opset,
      inputs: inputs.map((text) => ({ name: `in ${text}`, dtype, shape })),
      outputs: [{ name: `t${steps.length - 1}`, dtype, shape }],
      nodes,
      initializers: new Map(weights.map((text, index) => [`w ${text}`, values[index]!])),
    };
  });

describe("a graph", () => {
  test("comes back as it was written", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        expect(parseModel(encodeModel(graph))).toEqual(graph);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test("is the same file each time", () => {
    expect(Buffer.compare(encodeModel(sampleGraph()), encodeModel(sampleGraph()))).toBe(0);
  });

  test("with subgraphs comes back, too", () => {
    const branch = (operator: string): Attribute => ({
      type: "graph",
      value: sampleGraph({
        name: operator,
        inputs: [],
        outputs: [{ name: operator, dtype: "float32", shape: [2] }],
        nodes: [
          {
            name: "",
            operator,
            domain: "",
            inputs: ["x"],
            outputs: [operator],
            attributes: {},
          },
        ],
        initializers: new Map([[`${operator}_w`, floats(1)]]),
      }),
    });
    const choice: Node = {
      name: "if",
      operator: "If",
      domain: "",
      inputs: ["c"],
      outputs: ["y"],
      attributes: { then_branch: branch("Relu"), else_branch: branch("Neg") },
    };
    const graph = sampleGraph({
      inputs: [...sampleGraph().inputs, { name: "c", dtype: "bool", shape: [] }],
      nodes: [choice],
    });
    expect(parseModel(encodeModel(graph))).toEqual(graph);
  });
});

describe("a file", () => {
  test("holds nothing but the graph", () => {
    const text = Buffer.from(encodeModel(sampleGraph())).toString("latin1");
    expect(text.match(/[ -~]{3,}/g)).toEqual(["Relu", "batch", "batch"]);
  });

  // By https://github.com/onnx/onnx/blob/main/docs/Versioning.md: older runtimes take no later one.
  test.each([
    [7, 8],
    [17, 8],
    [18, 8],
    [19, 9],
    [20, 9],
    [21, 10],
    [22, 10],
    [23, 11],
    [24, 12],
    [25, 13],
  ])("of opset %i has IR version %i", (opset, version) => {
    expect([...encodeModel(sampleGraph({ opset })).subarray(0, 2)]).toEqual([8, version]);
  });

  test.each(
    Array.from({ length: opsets.newest - opsets.oldest + 1 }, (_, index) => opsets.oldest + index),
  )("of opset %i is taken by ONNX Runtime", async (opset) => {
    const session = await ort.InferenceSession.create(encodeModel(sampleGraph({ opset })));
    const x = new ort.Tensor("float32", Float32Array.of(-1, 2), [1, 2]);
    const { y } = await session.run({ x });
    expect([...(y!.data as Float32Array)]).toEqual([0, 2]);
    await session.release();
  });

  test("of a network gives the same results after it was read and written again", async () => {
    const builder = new GraphBuilder({ name: "net" });
    let x = builder.input("image", ["n", 3, 8, 8]);
    x = builder.conv(x, { outputs: 4, kernel: 3, padding: 1, name: "conv" });
    x = builder.relu(builder.batchNorm(x, { name: "norm" }));
    x = builder.linear(builder.flatten(builder.globalAveragePool(x)), { outputs: 5, name: "fc" });
    builder.output(x, "logits");
    const first = encodeModel(builder.build());
    const second = encodeModel(parseModel(first));
    expect(Buffer.compare(first, second)).toBe(0);
    const session = await ort.InferenceSession.create(second);
    const image = new ort.Tensor("float32", new Float32Array(192).fill(0.5), [1, 3, 8, 8]);
    const { logits } = await session.run({ image });
    expect(logits!.dims).toEqual([1, 5]);
    await session.release();
  });
});

describe("is refused", () => {
  const [relu] = sampleGraph().nodes;
  const withAttribute = (attribute: Attribute) =>
    sampleGraph({ nodes: [{ ...relu!, attributes: { a: attribute } }] });
  const cases: readonly (readonly [what: string, graph: Graph, expected: string])[] = [
    ["an opset that is not known", sampleGraph({ opset: 27 }), "opset 27; opsets 7 to 26"],
    [
      "another domain",
      sampleGraph({ nodes: [{ ...relu!, domain: "ai.onnx.ml" }] }),
      'Relu node "r" is of domain "ai.onnx.ml"',
    ],
    ["a fraction as integer", withAttribute({ type: "int", value: 1.5 }), "is 1.5, not an integer"],
    ["a float too large", withAttribute({ type: "float", value: 1e300 }), "too large"],
    [
      "a tensor of the wrong size",
      sampleGraph({ initializers: new Map([["w", { ...floats(1), shape: [2] }]]) }),
      'initializer "w": the data have 4 bytes, but float32 [2] needs 8',
    ],
    [
      "a negative size",
      sampleGraph({ initializers: new Map([["w", { ...floats(1), shape: [-1] }]]) }),
      "[-1] is not a possible shape",
    ],
    [
      "an input of half a size",
      sampleGraph({ inputs: [{ name: "x", dtype: "float32", shape: [0.5] }] }),
      '"x" has the impossible size 0.5',
    ],
    [
      "a name that nothing defines",
      sampleGraph({ inputs: [] }),
      'reads "x", which nothing defines',
    ],
    ["a name defined twice", sampleGraph({ nodes: [relu!, relu!] }), "defined more than once"],
  ];
  test.each(cases)("%s", (_, graph, expected) => {
    expect(() => encodeModel(graph)).toThrow(ModelError);
    expect(() => encodeModel(graph)).toThrow(expected);
  });
});
