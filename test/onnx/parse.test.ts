// What a Graph holds of a sound file.
import { describe, expect, test } from "vitest";
import { parseModel } from "../../src/onnx/index.ts";
import {
  attribute,
  floats,
  type GraphProtoParts,
  graph,
  message,
  model,
  node,
  opset,
  packed,
  scalar,
  tensor,
  value,
  withGraph,
} from "./protos.ts";

const parse = (parts: GraphProtoParts) => parseModel(withGraph(parts));

describe("versions", () => {
  test.each([7, 13, 17, 26])("takes opset %i", (version) => {
    expect(parseModel(model({ opsets: [opset("", version)] })).opset).toBe(version);
  });

  test("takes the other name of the standard domain", () => {
    const nodes = [node("Relu", ["x"], ["y"], { domain: "ai.onnx" })];
    const bytes = model({ opsets: [opset("ai.onnx", 12)], graph: graph({ nodes }) });
    expect(parseModel(bytes)).toMatchObject({ opset: 12, nodes: [{ domain: "" }] });
  });

  test("keeps nodes of other domains, known or not", () => {
    const nodes = [node("FusedConv", ["x"], ["y"], { domain: "com.microsoft" })];
    expect(parse({ nodes }).nodes[0]).toMatchObject({
      operator: "FusedConv",
      domain: "com.microsoft",
    });
  });
});

describe("inputs and outputs", () => {
  test("have sizes, names of sizes, or neither", () => {
    const shape = [1, "batch", -1n, 0];
    const { inputs, outputs } = parse({
      inputs: [value("x", shape), message([1, "s"], [2, message([1, message([1, 7])])])],
      outputs: [value("y", ["", 2], 10)],
    });
    expect(inputs).toEqual([
      { name: "x", dtype: "float32", shape: [1, "batch", "", 0] },
      { name: "s", dtype: "int64", shape: undefined },
    ]);
    expect(outputs).toEqual([{ name: "y", dtype: "float16", shape: ["", 2] }]);
  });

  test("leave out inputs that have an initializer", () => {
    const { inputs, initializers } = parse({
      inputs: [value("x", [2]), value("w", ["n"])],
      initializers: [tensor("w", { dims: [2] }, [9, floats(1, 2)])],
    });
    expect(inputs.map(({ name }) => name)).toEqual(["x"]);
    expect([...initializers.keys()]).toEqual(["w"]);
  });
});

describe("attributes", () => {
  const attributesOf = (...attributes: Uint8Array[]) =>
    parse({ nodes: [node("Relu", ["x"], ["y"], { attributes })] }).nodes[0]!.attributes;

  test("of every kind", () => {
    expect(
      attributesOf(
        attribute("f", 1, [2, { float: 0.5 }]),
        attribute("i", 2, [3, -3n]),
        attribute("s", 3, [4, "grüß"]),
        attribute("t", 4, [5, tensor("", { dims: [1] }, [4, floats(2)])]),
        attribute("fs", 6, [7, floats(1, 2)]),
        attribute("is", 7, [8, packed([1, -1n])]),
        attribute("is2", 7, [8, 4], [8, 5]),
        attribute("ss", 8, [9, "a"], [9, ""]),
        attribute("none", 7),
      ),
    ).toEqual({
      f: { type: "float", value: 0.5 },
      i: { type: "int", value: -3 },
      s: { type: "string", value: "grüß" },
      t: {
        type: "tensor",
        value: { dtype: "float32", shape: [1], data: new Uint8Array(floats(2)) },
      },
      fs: { type: "floats", value: [1, 2] },
      is: { type: "ints", value: [1, -1] },
      is2: { type: "ints", value: [4, 5] },
      ss: { type: "strings", value: ["a", ""] },
      none: { type: "ints", value: [] },
    });
  });

  test("clamp integers that JavaScript's numbers cannot hold", () => {
    const { big, small } = attributesOf(
      attribute("big", 2, [3, 2n ** 63n - 1n]),
      attribute("small", 2, [3, -(2n ** 63n)]),
    );
    expect(big).toEqual({ type: "int", value: Number.MAX_SAFE_INTEGER });
    expect(small).toEqual({ type: "int", value: Number.MIN_SAFE_INTEGER });
  });

  test("may be called like a property that all objects have", () => {
    const attributes = attributesOf(attribute("__proto__", 2, [3, 1]));
    expect(Object.entries(attributes)).toEqual([["__proto__", { type: "int", value: 1 }]]);
  });
});

describe("Constant nodes become initializers", () => {
  const constant = (...attributes: Uint8Array[]) => {
    const { nodes, initializers } = parse({
      nodes: [node("Constant", [], ["c"], { attributes }), node("Add", ["x", "c"], ["y"])],
    });
    expect(nodes.map(({ operator }) => operator)).toEqual(["Add"]);
    const { dtype, shape, data } = initializers.get("c")!;
    return { dtype, shape, data: [...data] };
  };
  const int64 = (...values: number[]) => [
    ...new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  ];

  test("of a tensor", () => {
    expect(constant(attribute("value", 4, [5, scalar("")]))).toEqual({
      dtype: "float32",
      shape: [],
      data: [...floats(1)],
    });
  });

  test("of floats", () => {
    expect(constant(attribute("value_float", 1, [2, { float: 2 }]))).toEqual({
      dtype: "float32",
      shape: [],
      data: [...floats(2)],
    });
    expect(constant(attribute("value_floats", 6, [7, floats(1, 2)]))).toEqual({
      dtype: "float32",
      shape: [2],
      data: [...floats(1, 2)],
    });
  });

  test("of integers", () => {
    expect(constant(attribute("value_int", 2, [3, 7]))).toEqual({
      dtype: "int64",
      shape: [],
      data: int64(7),
    });
    expect(constant(attribute("value_ints", 7, [8, packed([1, -2n])]))).toEqual({
      dtype: "int64",
      shape: [2],
      data: int64(1, -2),
    });
  });
});

describe("order", () => {
  const order = (...nodes: Uint8Array[]) => parse({ nodes }).nodes.map(({ outputs }) => outputs[0]);

  test("stays where it is right", () => {
    expect(
      order(node("Neg", ["x"], ["b"]), node("Abs", ["x"], ["a"]), node("Add", ["a", "b"], ["y"])),
    ).toEqual(["b", "a", "y"]);
  });

  test("is mended where it is not", () => {
    expect(
      order(node("Add", ["a", "b"], ["y"]), node("Neg", ["a"], ["b"]), node("Abs", ["x"], ["a"])),
    ).toEqual(["a", "b", "y"]);
  });

  test("heeds what subgraphs read from around them", () => {
    const branch = (name: string) =>
      graph({ nodes: [node("Relu", ["t"], [name])], inputs: [], outputs: [value(name, [2])] });
    const choice = node("If", ["c"], ["y"], {
      attributes: [
        attribute("then_branch", 5, [6, branch("p")]),
        attribute("else_branch", 5, [6, branch("q")]),
      ],
    });
    const { nodes } = parse({
      inputs: [value("x", [2]), value("c", [], 9)],
      nodes: [choice, node("Neg", ["x"], ["t"])],
    });
    expect(nodes.map(({ operator }) => operator)).toEqual(["Neg", "If"]);
  });
});

test("does not look at what it does not need", () => {
  const bytes = withGraph({
    more: [
      [10, "doc"],
      [13, value("y", [2])],
      [16, message([1, "k"], [2, "v"])],
    ],
  });
  const noisy = Buffer.concat([bytes, message([2, "pytorch"], [6, "doc"], [99, "unknown"])]);
  expect(parseModel(noisy)).toEqual(parseModel(model()));
});

test("takes bytes that lie anywhere in memory", () => {
  const bytes = withGraph({ initializers: [tensor("w", { dims: [2] }, [9, floats(1, 2)])] });
  for (const offset of [0, 1, 2, 3]) {
    const shifted = Buffer.concat([new Uint8Array(offset), bytes]).subarray(offset);
    const { data } = parseModel(shifted).initializers.get("w")!;
    expect(new Float32Array(data.buffer, data.byteOffset, 2)).toEqual(Float32Array.of(1, 2));
  }
});
