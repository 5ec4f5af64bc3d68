// Graphs, attributes and functions that contradict themselves, one file for each rule.
import { describe } from "vitest";
import {
  attribute,
  floats,
  functionProto,
  graph,
  message,
  model,
  node,
  packed,
  scalar,
  tensor,
  value,
  withGraph,
} from "./protos.ts";
import { type Case, itRefuses } from "./refusals.ts";

const withAttribute = (bytes: Uint8Array) =>
  withGraph({ nodes: [node("Relu", ["x"], ["y"], { name: "r", attributes: [bytes] })] });
const withFunction = (bytes: Uint8Array, call = node("F", ["x"], ["y"], { domain: "local" })) =>
  model({ graph: graph({ nodes: [call] }), functions: [bytes] });
const relu = node("Relu", ["a"], ["b"]);

const graphs: readonly Case[] = [
  ["no outputs", withGraph({ outputs: [] }), "the graph has no outputs"],
  [
    "an output that nothing defines",
    withGraph({ outputs: [value("z", [2])] }),
    'output "z" reads "z", which nothing defines',
  ],
  [
    "an input twice",
    withGraph({ inputs: [value("x", [2]), value("x", [2])] }),
    'input "x" is defined more than once',
  ],
  [
    "an input without a name",
    withGraph({ inputs: [value("x", [2]), value("", [2])] }),
    'input "" has no name',
  ],
  ["an input without a type", withGraph({ inputs: [message([1, "x"])] }), 'input "x" has no type'],
  [
    "an input of strings",
    withGraph({ inputs: [value("x", [2], 8)] }),
    'input "x" has element type string',
  ],
  [
    "a sequence",
    withGraph({ inputs: [message([1, "x"], [2, message([4, message()])])] }),
    'input "x" is a sequence',
  ],
  [
    "an input of negative size",
    withGraph({ inputs: [value("x", [-2n])] }),
    'input "x" has the impossible size -2',
  ],
  [
    "an input of 2^40",
    withGraph({ inputs: [value("x", [1n << 40n])] }),
    "impossible size 1099511627776",
  ],
  [
    "an undefined name",
    withGraph({ nodes: [node("Relu", ["q"], ["y"], { name: "r" })] }),
    'Relu node "r" reads "q", which nothing defines',
  ],
  [
    "an output of two nodes",
    withGraph({ nodes: [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])] }),
    'output "y" of Neg node "y" is defined more than once',
  ],
  [
    "an output that is an input",
    withGraph({ nodes: [node("Relu", ["x"], ["x"])] }),
    'output "x" of Relu node "x" is defined more than once',
  ],
  [
    "an output that is an initializer",
    withGraph({ initializers: [scalar("y")] }),
    'output "y" of Relu node "y" is defined more than once',
  ],
  [
    "a node that reads itself",
    withGraph({ nodes: [node("Add", ["x", "y"], ["y"], { name: "a" })] }),
    'in a cycle: Add node "a"',
  ],
  [
    "a cycle of two",
    withGraph({ nodes: [node("Add", ["x", "y"], ["t"]), node("Relu", ["t"], ["y"])] }),
    'in a cycle: Add node "t", Relu node "y"',
  ],
  [
    "two nodes of a name",
    withGraph({
      nodes: [node("Relu", ["x"], ["t"], { name: "r" }), node("Neg", ["t"], ["y"], { name: "r" })],
    }),
    'Neg node "r": the name belongs to another node too',
  ],
  [
    "a node without an operator",
    withGraph({ nodes: [node("", ["x"], ["y"], { name: "r" })] }),
    'node "r" has no operator',
  ],
  [
    "an escape sequence in a name",
    withGraph({ nodes: [node("Relu", ["x"], ["y"], { name: "\x1b[2J" })] }),
    'Relu node "\\u{1b}[2J" has control characters',
  ],
  [
    "a name that turns the text",
    withGraph({ inputs: [value("x", [2]), value("\u202eevil", [2])] }),
    'input "\\u{202e}evil" has control characters',
  ],
  [
    "a size named by control characters",
    withGraph({ inputs: [value("x", ["\n"])] }),
    'input "x" has control characters',
  ],
  [
    "a name of 1 MB",
    withGraph({ nodes: [node("Relu", ["x"], ["y"], { name: "r".repeat(1e6) })] }),
    "NodeProto.name has 1000000 bytes",
  ],
];

const branch = (name: string, operator = "Relu", input = "x") =>
  graph({ nodes: [node(operator, [input], [name])], inputs: [], outputs: [value(name, [2])] });
const choice = (then: Uint8Array) =>
  withGraph({
    inputs: [value("x", [2]), value("c", [], 9)],
    nodes: [
      node("Neg", ["x"], ["t"]),
      node("If", ["c"], ["y"], {
        attributes: [
          attribute("then_branch", 5, [6, then]),
          attribute("else_branch", 5, [6, branch("e")]),
        ],
      }),
    ],
  });

const attributes: readonly Case[] = [
  [
    "no name",
    withAttribute(attribute("", 2, [3, 1])),
    'Relu node "r" has an attribute without a name',
  ],
  [
    "no type",
    withAttribute(message([1, "a"], [3, 1])),
    'attribute "a" of Relu node "r" has no type',
  ],
  [
    "an unsupported type",
    withAttribute(attribute("a", 13)),
    'attribute "a" of Relu node "r" is of type 13',
  ],
  [
    "two values",
    withAttribute(attribute("a", 2, [3, 1], [2, { float: 1 }])),
    "more than one value; its type is int",
  ],
  [
    "a list beside its value",
    withAttribute(attribute("a", 2, [3, 1], [8, packed([1])])),
    "more than one value",
  ],
  [
    "the same attribute twice",
    withGraph({
      nodes: [
        node("Relu", ["x"], ["y"], {
          attributes: [attribute("a", 2, [3, 1]), attribute("a", 2, [3, 1])],
        }),
      ],
    }),
    'has attribute "a" twice',
  ],
  [
    "text that is no UTF-8",
    withAttribute(attribute("a", 3, [4, Uint8Array.of(0xff)])),
    'attribute "a" of Relu node "r" is not UTF-8',
  ],
  [
    "a bad tensor",
    withAttribute(attribute("a", 4, [5, tensor("", { dims: [2] }, [9, floats(1)])])),
    'attribute "a" of Relu node "r": raw_data has 4 bytes',
  ],
  ["a graph that is not there", withAttribute(attribute("a", 5)), "has no graph"],
  [
    "a reference outside of a function",
    withAttribute(message([1, "a"], [20, 2], [21, "b"])),
    "only a function's body",
  ],
  [
    "a Constant without a value",
    withGraph({ nodes: [node("Constant", [], ["y"])] }),
    'Constant node "y" must have one attribute',
  ],
  [
    "a Constant with two values",
    withGraph({
      nodes: [
        node("Constant", [], ["y"], {
          attributes: [
            attribute("value_int", 2, [3, 1]),
            attribute("value_float", 1, [2, { float: 1 }]),
          ],
        }),
      ],
    }),
    "it has 2",
  ],
  [
    "a Constant of text",
    withGraph({
      nodes: [
        node("Constant", [], ["y"], { attributes: [attribute("value_string", 3, [4, "a"])] }),
      ],
    }),
    '"value_string" of type string',
  ],
  [
    "a subgraph that shadows a name",
    choice(branch("t")),
    'output "t" of Relu node "t" has the name of a tensor of the graph around it',
  ],
  [
    "a subgraph that reads what nothing defines",
    choice(branch("s", "Relu", "q")),
    'Relu node "s" reads "q"',
  ],
  [
    "a subgraph that reads what follows from it",
    choice(branch("s", "Relu", "y")),
    'in a cycle: If node "y"',
  ],
];

const functions: readonly Case[] = [
  [
    "the name of a standard operator",
    withFunction(
      Buffer.concat([
        functionProto("Relu", { inputs: ["a"], outputs: ["b"], nodes: [relu] }),
        message([10, "ai.onnx"]),
      ]),
    ),
    "would replace a standard operator",
  ],
  [
    "another opset",
    withFunction(functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [relu], opset: 16 })),
    "uses opset 16, but the model uses opset 17",
  ],
  [
    "two inputs of a name",
    withFunction(functionProto("F", { inputs: ["a", "a"], outputs: ["b"], nodes: [relu] })),
    "two inputs of the same name",
  ],
  [
    "a call of itself",
    withFunction(
      functionProto("F", {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [node("F", ["a"], ["b"], { domain: "local" })],
      }),
    ),
    "may not call itself",
  ],
  [
    "too many inputs",
    withFunction(
      functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [relu] }),
      node("F", ["x", "x"], ["y"], { domain: "local" }),
    ),
    "has 2 inputs, but its function has 1",
  ],
  [
    "too many outputs",
    withFunction(
      functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [relu] }),
      node("F", ["x"], ["y", "z"], { domain: "local" }),
    ),
    "has 2 outputs, but its function has 1",
  ],
  [
    "a body that reads the caller's names",
    withFunction(
      functionProto("F", {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [node("Add", ["a", "x"], ["b"])],
      }),
    ),
    'reads "F/x", which nothing defines',
  ],
  [
    "a body that leaves out its output",
    withFunction(
      functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [node("Relu", ["a"], ["c"])] }),
    ),
    'output "y" reads "y", which nothing defines',
  ],
  [
    "an attribute of another type",
    withFunction(
      functionProto("F", {
        inputs: ["a"],
        outputs: ["b"],
        attributes: ["k"],
        nodes: [
          node("Relu", ["a"], ["b"], { attributes: [message([1, "j"], [20, 1], [21, "k"])] }),
        ],
      }),
      node("F", ["x"], ["y"], { domain: "local", attributes: [attribute("k", 2, [3, 1])] }),
    ),
    'refers to "k", which is of another type (int)',
  ],
  [
    "a function twice",
    model({
      functions: [0, 1].map(() =>
        functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [relu] }),
      ),
    }),
    'function "F" of domain "local" is defined twice',
  ],
];

describe("graphs", () => itRefuses(graphs));
describe("attributes and subgraphs", () => itRefuses(attributes));
describe("functions", () => itRefuses(functions));
