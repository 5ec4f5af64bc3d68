// Functions of a model: each call becomes the function's nodes, under names of their own.
import { describe, expect, test } from "vitest";
import type { Graph } from "../../src/graph/graph.ts";
import { parseModel } from "../../src/onnx/index.ts";
import {
  attribute,
  type FunctionParts,
  functionProto,
  graph,
  message,
  model,
  node,
  opset,
  scalar,
  tensor,
  value,
} from "./protos.ts";

interface Parts {
  readonly calls: readonly Uint8Array[];
  readonly functions: Readonly<Record<string, FunctionParts>>;
  readonly initializers?: readonly Uint8Array[];
}

function parse({ calls, functions, initializers = [] }: Parts): Graph {
  return parseModel(
    model({
      graph: graph({ nodes: calls, initializers }),
      opsets: [opset("", 17), opset("local", 1)],
      functions: Object.entries(functions).map(([name, parts]) => functionProto(name, parts)),
    }),
  );
}

const call = (
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Uint8Array[] = [],
) => node(name, inputs, outputs, { domain: "local", name: `call_${outputs[0]}`, attributes });

/** Nodes as text: `name: operator(inputs) -> outputs`. */
const listing = ({ nodes }: Graph) =>
  nodes.map(
    ({ name, operator, inputs, outputs }) => `${name}: ${operator}(${inputs}) -> ${outputs}`,
  );

test("a function that is never called may speak another version", () => {
  const relu = node("Relu", ["a"], ["b"]);
  const idle = { inputs: ["a"], outputs: ["b"], nodes: [relu], opset: 16 };
  const read = parse({ calls: [node("Relu", ["x"], ["y"])], functions: { Idle: idle } });
  expect(read.nodes.map(({ operator }) => operator)).toEqual(["Relu"]);
});

const reference = (name: string, type: number, to: string) =>
  message([1, name], [20, type], [21, to]);

describe("a call", () => {
  const twice: FunctionParts = {
    inputs: ["a"],
    outputs: ["b"],
    nodes: [node("Neg", ["a"], ["m"]), node("Relu", ["m"], ["b"], { name: "act" })],
  };

  test("becomes the nodes of the function", () => {
    expect(listing(parse({ calls: [call("F", ["x"], ["y"])], functions: { F: twice } }))).toEqual([
      "call_y/Neg: Neg(x) -> call_y/m",
      "call_y/act: Relu(call_y/m) -> y",
    ]);
  });

  test("has names of its own each time", () => {
    const calls = [
      node("F", ["x"], ["t"], { domain: "local" }),
      node("F", ["t"], ["y"], { domain: "local" }),
    ];
    expect(listing(parse({ calls, functions: { F: twice } }))).toEqual([
      "F/Neg: Neg(x) -> F/m",
      "F/act: Relu(F/m) -> t",
      "F/Neg_2: Neg(t) -> F/m_2",
      "F/act_2: Relu(F/m_2) -> y",
    ]);
  });

  test("takes no name that the model has", () => {
    const calls = [call("F", ["x"], ["y"]), node("Relu", ["call_y/m"], ["z"])];
    const initializers = [scalar("call_y/m")];
    expect(listing(parse({ calls, functions: { F: twice }, initializers }))).toEqual([
      "call_y/Neg: Neg(x) -> call_y/m_2",
      "call_y/act: Relu(call_y/m_2) -> y",
      ": Relu(call_y/m) -> z",
    ]);
  });

  test("may call other functions", () => {
    const outer: FunctionParts = {
      inputs: ["a"],
      outputs: ["b"],
      nodes: [call("F", ["a"], ["m"]), call("F", ["m"], ["b"])],
    };
    const functions = { F: twice, G: outer };
    expect(listing(parse({ calls: [call("G", ["x"], ["y"])], functions }))).toEqual([
      "call_y/call_m/Neg: Neg(x) -> call_y/call_m/m",
      "call_y/call_m/act: Relu(call_y/call_m/m) -> call_y/m",
      "call_y/call_b/Neg: Neg(call_y/m) -> call_y/call_b/m",
      "call_y/call_b/act: Relu(call_y/call_b/m) -> y",
    ]);
  });

  test("may leave out inputs and outputs", () => {
    const clip: FunctionParts = {
      inputs: ["a", "low", "high"],
      outputs: ["b", "c"],
      nodes: [node("Clip", ["a", "low", "high"], ["b"]), node("Neg", ["b"], ["c"])],
    };
    expect(listing(parse({ calls: [call("F", ["x"], ["y"])], functions: { F: clip } }))).toEqual([
      "call_y/Clip: Clip(x,,) -> y",
      "call_y/Neg: Neg(y) -> call_y/c",
    ]);
  });

  test("may hand an input through, or one value twice", () => {
    const through: FunctionParts = { inputs: ["a"], outputs: ["a", "a"], nodes: [] };
    const calls = [call("F", ["x"], ["y", "z"])];
    expect(listing(parse({ calls, functions: { F: through } }))).toEqual([
      "call_y/Identity: Identity(x) -> y",
      "call_y/Identity_2: Identity(x) -> z",
    ]);
  });

  test("keeps names short, however deep it lies and however long they are", () => {
    const long = "n".repeat(5000);
    const inner: FunctionParts = {
      inputs: ["a"],
      outputs: ["b"],
      nodes: [node("Neg", ["a"], [long], { name: long }), node("Relu", [long], ["b"])],
    };
    const [first] = parse({ calls: [call("F", ["x"], ["y"])], functions: { F: inner } }).nodes;
    expect(first!.outputs[0]!.length).toBeLessThan(500);
    expect(first!.name.length).toBeLessThan(500);
  });
});

describe("attributes of a function", () => {
  const leaky: FunctionParts = {
    inputs: ["a"],
    outputs: ["b"],
    attributes: ["slope"],
    defaults: [attribute("axis", 2, [3, 3])],
    nodes: [
      node("LeakyRelu", ["a"], ["m"], { attributes: [reference("alpha", 1, "slope")] }),
      node("Softmax", ["m"], ["b"], { attributes: [reference("axis", 2, "axis")] }),
    ],
  };
  const attributesOf = (...given: Uint8Array[]) =>
    parse({ calls: [call("F", ["x"], ["y"], given)], functions: { F: leaky } }).nodes.map(
      ({ attributes }) => attributes,
    );

  test("take the call's values", () => {
    const given = [attribute("slope", 1, [2, { float: 0.5 }]), attribute("axis", 2, [3, 1])];
    expect(attributesOf(...given)).toEqual([
      { alpha: { type: "float", value: 0.5 } },
      { axis: { type: "int", value: 1 } },
    ]);
  });

  test("take the defaults, or are left out", () => {
    expect(attributesOf()).toEqual([{}, { axis: { type: "int", value: 3 } }]);
  });

  test("are not found in JavaScript's own properties", () => {
    const odd: FunctionParts = {
      inputs: ["a"],
      outputs: ["b"],
      nodes: [
        node("Relu", ["a"], ["b"], {
          attributes: [reference("p", 1, "constructor"), reference("q", 1, "__proto__")],
        }),
      ],
    };
    const { nodes } = parse({ calls: [call("F", ["x"], ["y"])], functions: { F: odd } });
    expect(nodes[0]!.attributes).toEqual({});
  });

  test("go through nested calls", () => {
    const outer: FunctionParts = {
      inputs: ["a"],
      outputs: ["b"],
      attributes: ["s"],
      nodes: [call("F", ["a"], ["b"], [reference("slope", 1, "s")])],
    };
    const calls = [call("G", ["x"], ["y"], [attribute("s", 1, [2, { float: 0.25 }])])];
    const { nodes } = parse({ calls, functions: { F: leaky, G: outer } });
    expect(nodes[0]!.attributes).toEqual({ alpha: { type: "float", value: 0.25 } });
  });
});

test("is told apart from others of its name by its overload", () => {
  const overload = (name: string, operator: string) => {
    const nodes = [node(operator, ["a"], ["b"])];
    const parts = functionProto("F", { inputs: ["a"], outputs: ["b"], nodes });
    return Buffer.concat([parts, message([13, name])]);
  };
  const nodes = [Buffer.concat([call("F", ["x"], ["y"]), message([8, "second"])])];
  const functions = [overload("first", "Neg"), overload("second", "Abs")];
  expect(listing(parseModel(model({ graph: graph({ nodes }), functions })))).toEqual([
    "call_y/Abs: Abs(x) -> y",
  ]);
});

test("renames what a function's subgraphs read and define", () => {
  const branch = (operator: string) =>
    graph({ nodes: [node(operator, ["a"], ["r"])], inputs: [], outputs: [value("r", [2])] });
  const choose: FunctionParts = {
    inputs: ["a", "c"],
    outputs: ["b"],
    nodes: [
      node("If", ["c"], ["b"], {
        attributes: [
          attribute("then_branch", 5, [6, branch("Relu")]),
          attribute("else_branch", 5, [6, branch("Neg")]),
        ],
      }),
    ],
  };
  const { nodes } = parse({
    calls: [call("F", ["x", "c"], ["y"])],
    functions: { F: choose },
    initializers: [tensor("c", { type: 9 }, [9, Uint8Array.of(1)])],
  });
  const then = nodes[0]!.attributes.then_branch!;
  expect(then.type === "graph" && listing(then.value)).toEqual([
    "call_y/Relu: Relu(x) -> call_y/r",
  ]);
  expect(then.type === "graph" && then.value.outputs[0]!.name).toBe("call_y/r");
});
