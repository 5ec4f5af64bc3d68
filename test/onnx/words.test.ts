// Classifiers that answer in words: what is read of them are the scores.
import { describe, expect, test } from "vitest";
import { parseModel } from "../../src/onnx/index.ts";
import {
  attribute,
  graph,
  message,
  model,
  node,
  opset,
  tensor,
  value,
  withGraph,
} from "./protos.ts";

const strings = 8;
const ml = { domain: "ai.onnx.ml" };
const words = (name: string) => tensor(name, { type: strings, dims: [2] }, [6, "cat"], [6, "dog"]);
/** ValueInfoProto of a sequence of maps from strings to float32. */
const maps = (name: string) => {
  const float = message([1, message([1, 1])]);
  const map = message([5, message([1, strings], [2, float])]);
  return message([1, name], [2, message([4, message([1, map])])]);
};
const opsets = [opset("", 17), opset("ai.onnx.ml", 1)];
const scores = [
  node("Softmax", ["x"], ["probabilities"]),
  node("ArgMax", ["x"], ["label"]),
] as const;

describe("outputs in words", () => {
  test("give way to the scores that they are made of", () => {
    const read = parseModel(
      model({
        opsets,
        graph: graph({
          nodes: [
            ...scores,
            node("ArrayFeatureExtractor", ["names", "label"], ["word"], ml),
            node("ZipMap", ["probabilities"], ["loss"], ml),
          ],
          inputs: [value("x", ["N", 2])],
          outputs: [value("word", [1, "N"], strings), maps("loss")],
          initializers: [words("names")],
        }),
      }),
    );
    expect(read.outputs.map(({ name }) => name)).toEqual(["label", "probabilities"]);
    expect(read.nodes.map(({ operator }) => operator)).toEqual(["Softmax", "ArgMax"]);
    expect([...read.initializers.keys()]).toEqual([]);
  });

  test("leave the outputs beside them", () => {
    const read = parseModel(
      withGraph({
        nodes: [...scores, node("Gather", ["names", "label"], ["word"])],
        inputs: [value("x", ["N", 2])],
        outputs: [value("word", ["N"], strings), value("probabilities", ["N", 2])],
        initializers: [words("names")],
      }),
    );
    expect(read.outputs).toMatchObject([
      { name: "probabilities", shape: ["N", 2] },
      { name: "label", shape: undefined },
    ]);
  });

  test("that nothing reads are no hindrance", () => {
    const read = parseModel(
      withGraph({
        nodes: [node("Softmax", ["x"], ["y"])],
        inputs: [value("x", ["N", 2])],
        // One output is listed twice, one without its type.
        outputs: [message([1, "y"]), value("y", ["N", 2])],
        initializers: [words("names")],
      }),
    );
    expect([...read.initializers.keys()]).toEqual([]);
    expect(read.outputs).toEqual([{ name: "y", dtype: "float32", shape: undefined }]);
  });

  test.each([
    ["strings", attribute("value_strings", 8, [9, "cat"], [9, "dog"])],
    ["a tensor", attribute("value", 4, [5, words("")])],
  ])("that nothing reads are no hindrance as a constant: %s", (_, names) => {
    const read = parseModel(
      withGraph({
        nodes: [
          node("Constant", [], ["names"], { attributes: [names] }),
          node("Softmax", ["x"], ["y"]),
        ],
      }),
    );
    expect(read.nodes.map(({ operator }) => operator)).toEqual(["Softmax"]);
    expect([...read.initializers.keys()]).toEqual([]);
  });

  test("take no node with them that leaves out an output", () => {
    const names = attribute("value_strings", 8, [9, "cat"]);
    const read = parseModel(
      withGraph({
        nodes: [
          node("Constant", [], [""], { attributes: [names] }),
          node("Dropout", ["x"], ["y", ""]),
        ],
      }),
    );
    expect(read.nodes.map(({ operator }) => operator)).toEqual(["Dropout"]);
  });

  test("leave a linear classifier its scores", () => {
    const read = parseModel(
      model({
        opsets,
        graph: graph({
          nodes: [
            node("LinearClassifier", ["x"], ["word", "scores"], ml),
            node("ZipMap", ["scores"], ["loss"], ml),
          ],
          inputs: [value("x", ["N", 2])],
          outputs: [value("word", ["N"], strings), maps("loss")],
        }),
      }),
    );
    expect(read.outputs.map(({ name }) => name)).toEqual(["scores"]);
    expect(read.nodes.map(({ outputs }) => outputs)).toEqual([["", "scores"]]);
  });

  test("are refused where something else makes them", () => {
    const file = withGraph({
      nodes: [node("SequenceConstruct", ["x"], ["y"])],
      outputs: [maps("y")],
    });
    expect(() => parseModel(file)).toThrow(/output "y" is a sequence; only tensors are supported/);
  });
});
