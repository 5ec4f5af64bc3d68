import { describe, expect, test } from "vitest";
import { consumers, dominators, producers, readTensors } from "../../src/graph/topology.ts";
import { graph, node } from "./graphs.ts";

// x -> a -> (b, c) -> d -> e, and a shape that is read from a.
const diamond = graph({
  inputs: { x: [1, 4] },
  nodes: [
    node("Relu", ["x"], "a"),
    node("Relu", ["a"], "b"),
    node("Sigmoid", ["a"], "c"),
    node("Add", ["b", "c"], "d"),
    node("Shape", ["a"], "s"),
    node("Reshape", ["d", "s"], "e"),
    node("Relu", ["e"], "unused"),
  ],
  outputs: ["e"],
});

describe("topology", () => {
  test("knows who makes and who reads a tensor", () => {
    expect(producers(diamond).get("d")?.operator).toBe("Add");
    expect(
      consumers(diamond)
        .get("a")
        ?.map(({ name }) => name),
    ).toEqual(["b", "c", "s"]);
    expect(consumers(diamond).get("unused")).toBeUndefined();
  });

  test("counts what a subgraph takes from around it as read", () => {
    const branch = graph({ nodes: [node("Relu", ["outer"], "inner")], outputs: ["inner"] });
    const conditional = node("If", ["condition"], "y", {
      then_branch: { type: "graph", value: branch },
      else_branch: {
        type: "graph",
        value: { ...branch, nodes: [], outputs: [{ name: "other", dtype: "float32", shape: [] }] },
      },
    });
    expect(readTensors(conditional)).toEqual(["condition", "outer", "other"]);
  });

  test("finds the tensors on every path, without shape arithmetic", () => {
    const options = { input: "x", output: "e" };
    expect(dominators(diamond, { ...options, isConstant: (name) => name === "s" })).toEqual([
      "x",
      "a",
      "d",
      "e",
    ]);
    expect(dominators(diamond, { ...options, isConstant: () => false })).toEqual(["x", "a", "e"]);
    expect(dominators(diamond, { ...options, output: "nowhere", isConstant: () => false })).toEqual(
      [],
    );
  });
});
