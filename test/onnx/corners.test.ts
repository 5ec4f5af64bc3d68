// Branches of the readers that no other test comes to, so that `npm run test:coverage` finds all of them.
import { mkdirSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { ExternalData } from "../../src/onnx/external.ts";
import {
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from "../../src/onnx/generated/onnx_pb.ts";
import { parseModel } from "../../src/onnx/index.ts";
import { limits } from "../../src/onnx/limits.ts";
import { checkWire } from "../../src/onnx/wire.ts";
import { encodeTensors } from "../../src/runs/safetensors.ts";
import type { Tensor } from "../../src/torch/index.ts";
import { workshop } from "../workshop.ts";
import {
  attribute,
  floats,
  functionProto,
  graph,
  message,
  model,
  node,
  opset,
  tensor,
  value,
  withGraph,
} from "./protos.ts";

const path = workshop();
const strings = 8;
const texts = (name: string) => tensor(name, { type: strings, dims: [1] }, [6, "cat"]);

describe("sizes beyond the limits", () => {
  test("of a file, which is not looked at", () => {
    const huge = { length: limits.fileBytes + 1 } as Uint8Array;
    expect(() => decodeModel(huge)).toThrow(/ONNX files have at most/);
  });

  test("of a tensor's name", () => {
    const long = tensor("x".repeat(limits.nameBytes + 1), {}, [9, floats(1)]);
    expect(() => parseModel(withGraph({ initializers: [long] }))).toThrow(
      /the name of .* has more than/,
    );
  });

  test("of the shape of an input", () => {
    const deep = value("x", new Array(limits.rank + 1).fill(1));
    expect(() => parseModel(withGraph({ inputs: [deep] }))).toThrow(/dimensions; at most/);
  });

  test("of all external data together", () => {
    const folder = path("external/.").replace(/\.$/, "");
    mkdirSync(folder, { recursive: true });
    path("external/a", "1234");
    const data = new ExternalData(folder);
    const entry = create(StringStringEntryProtoSchema, { key: "location", value: "a" });
    expect(() => data.read([entry], limits.externalBytes + 1, "w")).toThrow(/above \d+ bytes/);
  });
});

test("external data are listed by file and place, whatever the order in which they were read", () => {
  const folder = path("listed/.").replace(/\.$/, "");
  mkdirSync(folder, { recursive: true });
  for (const name of ["a", "b"]) path(`listed/${name}`, `${name}123`);
  const entries = (location: string, offset: string) =>
    Object.entries({ location, offset }).map(([key, text]) =>
      create(StringStringEntryProtoSchema, { key, value: text }),
    );
  const order = [
    ["b", "2"],
    ["a", "2"],
    ["b", "0"],
    ["a", "0"],
  ] as const;
  const listed = [order, order.toReversed()].map((each) => {
    const data = new ExternalData(folder);
    for (const [location, offset] of each) data.read(entries(location, offset), 2, "w");
    return data.ranges.map((range) => Buffer.from(range).toString());
  });
  expect(listed).toEqual([
    ["a1", "23", "b1", "23"],
    ["a1", "23", "b1", "23"],
  ]);
});

test("external data may be given as a place alone", () => {
  const folder = path("placed/.").replace(/\.$/, "");
  mkdirSync(folder, { recursive: true });
  const nowhere = create(StringStringEntryProtoSchema, { key: "offset", value: "0" });
  expect(() => new ExternalData(folder).read([nowhere], 4, "w")).toThrow(/has no location/);
});

test("an input that is a weight must be like it, also where its shape is not said", () => {
  const open = message([1, "w"], [2, message([1, message([1, 1])])]);
  const parts = { initializers: [tensor("w", { dims: [1] }, [9, floats(1)])] };
  const read = (weight: Uint8Array) =>
    parseModel(model({ ir: 3, graph: graph({ ...parts, inputs: [value("x", [2]), weight] }) }));
  expect(read(open).inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(read(value("w", ["N"])).inputs).toHaveLength(1);
  for (const other of [value("w", [2]), value("w", [1, 1]), value("w", [1], 7)]) {
    expect(() => read(other)).toThrow(/input "w" is declared as/);
  }
});

test("more packed numbers than there may be are not counted one by one", () => {
  // AttributeProto.ints, 11 bytes for each that the limit allows: 8 is its field.
  const ints = new Uint8Array(10 * limits.values + 1);
  const attributes = [message([1, "axes"], [8, ints], [20, 7])];
  const nodes = [node("Relu", ["x"], ["y"], { attributes })];
  expect(() => decodeModel(withGraph({ nodes }))).toThrow(/numbers|values/);
});

describe("nodes without names", () => {
  const constant = (outputs: string[]) =>
    node("Constant", [], outputs, { attributes: [attribute("value_float", 1, [2, { float: 1 }])] });

  test("a constant that gives nothing is left out", () => {
    const nodes = [constant([]), constant([""]), node("Relu", ["x"], ["y"])];
    const { initializers } = parseModel(withGraph({ nodes }));
    expect([...initializers.keys()]).toEqual([]);
  });

  test("a constant that defines a name again is refused", () => {
    const nodes = [constant(["c"]), constant(["c"]), node("Relu", ["x"], ["y"])];
    expect(() => parseModel(withGraph({ nodes }))).toThrow(/defined already/);
  });

  test("one without outputs is told by its operator", () => {
    const nodes = [node("Relu", ["nowhere"], []), node("Relu", ["x"], ["y"])];
    expect(() => parseModel(withGraph({ nodes }))).toThrow(/Relu node ""/);
  });
});

test("calls of functions beside subgraphs get names that these have not", () => {
  const branch = graph({
    nodes: [node("Relu", ["x"], ["inner"])],
    inputs: [],
    outputs: [value("inner", [2])],
  });
  const attributes = ["then_branch", "else_branch"].map((name, index) =>
    attribute(name, 5, [
      6,
      index === 0
        ? branch
        : graph({
            nodes: [node("Relu", ["x"], ["other"])],
            inputs: [],
            outputs: [value("other", [2])],
          }),
    ]),
  );
  const nodes = [
    node("Twice", ["x"], ["t"], { domain: "local" }),
    node("If", ["c"], ["y"], { attributes }),
  ];
  const twice = functionProto("Twice", {
    inputs: ["a"],
    outputs: ["b"],
    nodes: [node("Relu", ["a"], ["inner"]), node("Relu", ["inner"], ["b"])],
  });
  const read = parseModel(
    model({
      graph: graph({ nodes, inputs: [value("x", [2]), value("c", [], 9)] }),
      opsets: [opset("", 17), opset("local", 1)],
      functions: [twice],
    }),
  );
  const made = read.nodes.filter(({ operator }) => operator === "Relu");
  expect(made).toHaveLength(2);
  expect(made[0]!.outputs).not.toContain("inner");
});

test("every kind of number has its place on the wire", () => {
  const doubles = message([2, 11], [10, Buffer.from(Float64Array.of(1).buffer)]);
  expect(() => checkWire(TensorProtoSchema, doubles)).not.toThrow();
});

describe("words", () => {
  test("that nothing makes are left as they are", () => {
    const outputs = [value("y", [2]), value("x", [2], strings)];
    expect(() => parseModel(withGraph({ outputs }))).toThrow(ModelError);
  });

  test("of words of words lead to the scores behind them", () => {
    const ml = { domain: "ai.onnx.ml" };
    const nodes = [
      node("Relu", ["x"], ["y"]),
      node("ArgMax", ["y"], ["label"]),
      node("ArrayFeatureExtractor", ["names", "label"], ["word"], ml),
      node("LabelEncoder", ["word"], ["longer"], ml),
    ];
    const outputs = [value("y", [2]), value("longer", [1], strings)];
    const opsets = [opset("", 17), opset("ai.onnx.ml", 1)];
    const parts = { nodes, outputs, initializers: [texts("names")] };
    const read = parseModel(model({ opsets, graph: graph(parts) }));
    expect(read.outputs.map(({ name }) => name)).toEqual(["y", "label"]);
  });

  test("that a node reads which is not theirs are left as they are", () => {
    const nodes = [
      node("Relu", ["x"], ["y"]),
      node("ArrayFeatureExtractor", ["names", "y"], ["word"], { domain: "ai.onnx.ml" }),
      node("Identity", ["names"], ["copy"]),
    ];
    const outputs = [value("y", [2]), value("word", [1], strings)];
    const opsets = [opset("", 17), opset("ai.onnx.ml", 1)];
    const parts = { nodes, outputs, initializers: [texts("names")] };
    expect(() => parseModel(model({ opsets, graph: graph(parts) }))).toThrow(ModelError);
  });

  test("made of nothing but words leave no scores", () => {
    const ml = { domain: "ai.onnx.ml" };
    const nodes = [
      node("Relu", ["x"], ["y"]),
      node("Constant", [], ["text"], { attributes: [attribute("value_string", 3, [4, "cat"])] }),
      node("ArrayFeatureExtractor", ["names", "", "text", "weight"], ["word"], ml),
    ];
    const outputs = [value("y", [2]), value("word", [1], strings)];
    const initializers = [texts("names"), tensor("weight", {}, [9, floats(1)])];
    const opsets = [opset("", 17), opset("ai.onnx.ml", 1)];
    const read = parseModel(model({ opsets, graph: graph({ nodes, outputs, initializers }) }));
    expect(read.outputs.map(({ name }) => name)).toEqual(["y"]);
  });
});

test("safetensors has no complex numbers", () => {
  const odd = { dtype: "complex64" } as unknown as Tensor;
  expect(() => encodeTensors(new Map([["x", odd]]))).toThrow(/no type complex64/);
});
