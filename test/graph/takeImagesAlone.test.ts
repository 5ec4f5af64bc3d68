// Files whose graph has inputs beside the images.
import { describe, expect, test } from "vitest";
import { takeBranches } from "../../src/graph/rewrites/branches.ts";
import { takeImagesAlone } from "../../src/graph/rewrites.ts";
import { graph, node } from "./graphs.ts";
import { evaluate, relativeDifference } from "./onnxruntime.ts";

const images = ["N", 3, 4, 4] as const;
const flag = { dtype: "bool", shape: [] } as const;
const names = (values: readonly { readonly name: string }[]) => values.map(({ name }) => name);

describe("the images are the only input that is left", () => {
  test.each([
    ["where nothing reads the other", ["x"], ["x", "other"]],
    ["wherever they stand", ["x"], ["other", "x"]],
  ])("%s", (_, wanted, inputs) => {
    const file = graph({
      inputs: Object.fromEntries(inputs.map((name) => [name, images])),
      nodes: [node("Relu", ["x"], "y"), node("Neg", ["other"], "dead")],
      outputs: ["y"],
    });
    const taken = takeImagesAlone(file);
    expect(names(taken.inputs)).toEqual(wanted);
    expect(names(taken.nodes)).toEqual(["y"]);
  });

  test("where only a loss reads the labels, which goes with them", () => {
    const file = graph({
      inputs: { x: images, labels: { dtype: "int64", shape: ["N"] } },
      nodes: [
        node("Flatten", ["x"], "y"),
        node("SoftmaxCrossEntropyLoss", ["y", "labels"], "loss"),
      ],
      outputs: ["loss", "y"],
    });
    const taken = takeImagesAlone(file);
    expect([names(taken.inputs), names(taken.outputs)]).toEqual([["x"], ["y"]]);
  });

  test("where the other switches training on: it is off", async () => {
    const branch = (operator: string, output: string) =>
      ({
        type: "graph",
        value: graph({ nodes: [node(operator, ["x"], output)], outputs: [output] }),
      }) as const;
    const file = graph({
      inputs: { x: images, keras_learning_phase: flag },
      nodes: [
        node("If", ["keras_learning_phase"], "y", {
          then_branch: branch("Neg", "t"),
          else_branch: branch("Exp", "e"),
        }),
      ],
      outputs: ["y"],
    });
    const taken = takeImagesAlone(file);
    expect(names(taken.inputs)).toEqual(["x"]);
    const plain = graph({
      inputs: { x: images },
      nodes: [node("Exp", ["x"], "y")],
      outputs: ["y"],
    });
    const x = { x: [2, 3, 4, 4] };
    const [y, expected] = [await evaluate(taken, x), await evaluate(plain, x)];
    expect(relativeDifference(expected.y!, y.y!)).toBe(0);
    expect(takeBranches(taken).nodes.map(({ operator }) => operator)).toContain("Exp");
  });
});

test.each([
  ["need both", ["sum"]],
  ["come from one each", ["y", "z"]],
])("two batches of images stay where the outputs %s", (_, outputs) => {
  const file = graph({
    inputs: { left: images, right: images },
    nodes: [
      node("Relu", ["left"], "y"),
      node("Relu", ["right"], "z"),
      node("Add", ["y", "z"], "sum"),
    ],
    outputs,
  });
  expect(names(takeImagesAlone(file).inputs)).toEqual(["left", "right"]);
});

test("an input stays that the scores need beside the images", () => {
  const file = graph({
    inputs: { x: images, temperature: [1], shown: flag },
    nodes: [node("Mul", ["x", "temperature"], "y"), node("Not", ["shown"], "z")],
    outputs: ["y", "z"],
  });
  expect(names(takeImagesAlone(file).inputs)).toEqual(["x", "temperature", "shown"]);
});
