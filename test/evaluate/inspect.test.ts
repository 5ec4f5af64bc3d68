// What inspection counts, and how differences are told.
import { describe, expect, test } from "vitest";
import { combine, compareValues } from "../../src/evaluate/difference.ts";
import { givenShapes } from "../../src/evaluate/givenShapes.ts";
import { inspectGraph, isSequential } from "../../src/evaluate/inspect.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { float32, graph, int64, node } from "../graph/graphs.ts";

describe("a graph is sequential", () => {
  test("as a plain chain", () => {
    const build = new GraphBuilder();
    const x = build.relu(
      build.conv(build.input("x", [1, 3, 8, 8]), { name: "c", outputs: 4, kernel: 3 }),
    );
    build.output(build.linear(build.flatten(x), { name: "l", outputs: 2 }), "y");
    expect(isSequential(build.build(), new Map())).toBe(true);
  });

  test("also where shapes are computed beside the chain", () => {
    const reshaped = graph({
      inputs: { x: [2, 3, 4, 4] },
      initializers: { first: int64(0), rest: int64(-1) },
      nodes: [
        node("Relu", ["x"], "a"),
        node("Shape", ["a"], "shape"),
        node("Gather", ["shape", "first"], "batch"),
        node("Concat", ["batch", "rest"], "target", { axis: 0 }),
        node("Reshape", ["a", "target"], "y"),
      ],
      outputs: ["y"],
    });
    expect(isSequential(reshaped, inferShapes(reshaped))).toBe(true);
  });

  test("unless a tensor feeds two nodes", () => {
    const forked = graph({
      inputs: { x: [1, 4] },
      nodes: [node("Relu", ["x"], "y"), node("Tanh", ["x"], "z")],
      outputs: ["y", "z"],
    });
    expect(isSequential(forked, inferShapes(forked))).toBe(false);
  });

  test("unless a node joins two tensors", () => {
    const joined = graph({
      inputs: { x: [1, 4], y: [1, 4] },
      nodes: [node("Add", ["x", "y"], "z")],
      outputs: ["z"],
    });
    expect(isSequential(joined, inferShapes(joined))).toBe(false);
  });
});

test("the cut is that of the output which is asked for", () => {
  const build = new GraphBuilder();
  const layer = (x: string, name: string) =>
    build.relu(build.conv(x, { name, outputs: 4, kernel: 3, padding: 1 }));
  const head = (x: string, name: string) =>
    build.linear(build.flatten(build.globalAveragePool(x)), { name, outputs: 2 });
  const early = layer(build.input("x", [1, 3, 8, 8]), "first");
  const late = layer(early, "second");
  build.output(head(early, "auxiliary"), "early");
  build.output(head(late, "main"), "late");
  const both = build.build();
  expect(inspectGraph(both).warnings.join()).toContain("say with --output which one does");
  for (const [output, tensor] of [
    ["early", early],
    ["late", late],
  ] as const) {
    const inspection = inspectGraph(both, { output });
    const { warnings } = inspection;
    expect(warnings).toEqual([]);
    expect(inspection.boundary?.tensor).toBe(tensor);
  }
});

test("nodes of inner graphs are counted, operators of other domains are named with theirs", () => {
  const inner = graph({ nodes: [node("Relu", ["x"], "r")], outputs: ["r"] });
  const branch = { type: "graph", value: inner } as const;
  const outer = graph({
    inputs: { x: [1, 4], c: { dtype: "bool", shape: [] } },
    nodes: [
      node("If", ["c"], "y", { then_branch: branch, else_branch: branch }),
      { ...node("Swoosh", ["y"], "z"), domain: "com.microsoft" },
    ],
    outputs: ["z"],
  });
  const inspection = inspectGraph(outer);
  const { warnings } = inspection;
  expect(inspection.nodes).toBe(4);
  expect(inspection.operators).toEqual({ Relu: 2, If: 1, "com.microsoft.Swoosh": 1 });
  expect(warnings[0]).toContain("com.microsoft.Swoosh");
});

describe("an inspection shows the original as obfuscate takes it", () => {
  const head = [
    node("Conv", ["x", "w"], "c", { kernel_shape: [3, 3] }),
    node("Relu", ["c"], "r"),
    node("GlobalAveragePool", ["p"], "g"),
    node("Flatten", ["g"], "f"),
    node("Gemm", ["f", "m"], "y"),
  ] as const;
  const [conv, relu, ...tail] = head;
  const initializers = { w: float32([4, 3, 3, 3]), m: float32([4, 2]) };
  const parts = { initializers, outputs: ["y"] };

  test("its boundary before casts and copies, its work for one image of a fixed batch", () => {
    const file = graph({
      ...parts,
      inputs: { x: [8, 3, 8, 8] },
      nodes: [
        conv,
        relu,
        node("Identity", ["r"], "i"),
        node("Cast", ["i"], "p", { to: 1 }),
        ...tail,
      ],
    });
    const inspection = inspectGraph(file);
    const { warnings } = inspection;
    expect(inspection.boundary).toEqual({ tensor: "r", shape: [1, 4, 6, 6] });
    expect(inspection.macs).toBe(4 * 3 * 9 * 36 + 4 * 2);
    expect(warnings).toEqual([]);
  });

  test("the branch that an If takes, without a warning", () => {
    const copy = (operator: string) =>
      graph({ nodes: [node(operator, ["r"], `${operator}.y`)], outputs: [`${operator}.y`] });
    const branches = {
      then_branch: { type: "graph", value: copy("Relu") },
      else_branch: { type: "graph", value: copy("Tanh") },
    } as const;
    const file = graph({
      ...parts,
      inputs: { x: ["N", 3, 8, 8] },
      initializers: { ...initializers, three: int64(3), one: int64(1) },
      nodes: [
        conv,
        relu,
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "one"], "channels"),
        node("Equal", ["channels", "three"], "known"),
        node("If", ["known"], "p", branches),
        ...tail,
      ],
    });
    const inspection = inspectGraph(file);
    const { warnings } = inspection;
    expect(warnings).toEqual([]);
    expect(inspection.boundary?.shape).toEqual([1, 4, 6, 6]);
  });

  test.each([
    ["a constant condition", "yes", [12, 12 * 36]],
    ["a condition that the images decide", "unknown", [0, null]],
  ] as const)("the work inside of an If with %s", (_, condition, [parameters, macs]) => {
    const branch = (kernel: number) => {
      const w = float32([1, 3, kernel, kernel], new Array<number>(3 * kernel ** 2).fill(1));
      const inner = graph({
        initializers: { w },
        nodes: [node("Conv", ["x", "w"], "c")],
        outputs: ["c"],
      });
      return { type: "graph", value: inner } as const;
    };
    const same = { then_branch: branch(2), else_branch: branch(2) };
    const file = graph({
      inputs: { x: [1, 3, 7, 7] },
      initializers: { yes: fromNumbers("bool", [], [1]), zero: float32([], [0]) },
      nodes: [
        node("ReduceMean", ["x"], "mean", { keepdims: 0 }),
        node("Greater", ["mean", "zero"], "unknown"),
        node("If", [condition], "y", same),
      ],
      outputs: ["y"],
    });
    expect(inspectGraph(file)).toMatchObject({ parameters, macs, nodes: 5 });
  });

  test("one reason for what it refuses", () => {
    const build = new GraphBuilder();
    const map = build.conv(build.input("x", [1, 3, 8, 8]), { name: "c", outputs: 4, kernel: 3 });
    const pooled = build.flatten(build.globalAveragePool(map));
    build.output(build.relu(map), "map");
    for (const name of ["one", "two"])
      build.output(build.linear(pooled, { name, outputs: 2 }), name);
    const inspection = inspectGraph(build.build());
    const { warnings } = inspection;
    expect(warnings).toEqual([expect.stringContaining("say with --output which one does")]);
    expect(inspection.boundary).toBeNull();
  });

  test("an unknown operator, and no guess from what lies behind it", () => {
    const unknown = { ...node("Conv", ["r"], "p"), domain: "com.microsoft.nchwc" };
    const file = graph({
      ...parts,
      inputs: { x: ["N", 3, 8, 8] },
      nodes: [conv, relu, unknown, ...tail],
    });
    const inspection = inspectGraph(file);
    const { warnings } = inspection;
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/com\.microsoft\.nchwc\.Conv.*ORT_ENABLE_BASIC/s);
    expect(inspection).toMatchObject({ macs: null, boundary: null });
  });
});

describe("a difference", () => {
  test("is absolute, and relative to the largest value of the second", () => {
    const difference = compareValues([1, -9, 3], [1.5, -10, 3]);
    expect(difference).toEqual({ maxAbsDiff: 1, maxRelDiff: 0.1, largest: 10 });
  });

  test("is none between equal infinities, or NaN in both", () => {
    const odd = [Number.NaN, Infinity, -Infinity, 2];
    expect(compareValues(odd, odd)).toEqual({ maxAbsDiff: 0, maxRelDiff: 0, largest: 2 });
  });

  test("has no bound where only one is finite", () => {
    for (const odd of [Number.NaN, Infinity]) {
      expect(compareValues([1, odd], [1, 2]).maxAbsDiff).toBeNull();
      expect(compareValues([1, 2], [1, odd]).maxAbsDiff).toBeNull();
    }
    expect(compareValues([Infinity], [-Infinity]).maxAbsDiff).toBeNull();
  });

  test("has no ratio where all values of the second are zero", () => {
    expect(compareValues([1], [0])).toEqual({ maxAbsDiff: 1, maxRelDiff: null, largest: 0 });
    expect(compareValues([0], [-0])).toMatchObject({ maxAbsDiff: 0, maxRelDiff: 0 });
  });

  test("of several outputs is the largest, relative to the largest of all values", () => {
    const parts = [compareValues([1], [2]), compareValues([100], [100]), compareValues([], [])];
    expect(combine(parts)).toEqual({ maxAbsDiff: 1, maxRelDiff: 0.01, largest: 100 });
    expect(combine([])).toEqual({ maxAbsDiff: 0, maxRelDiff: 0, largest: 0 });
  });
});

test("a given shape belongs to the first input; open sizes need one", () => {
  const open = graph({ inputs: { x: ["N", 3, "H", "W"], y: ["N", 2] }, nodes: [], outputs: [] });
  expect(givenShapes(open, [1, 3, 8, 8])).toEqual(new Map([["x", [1, 3, 8, 8]]]));
  expect(() => givenShapes(open, undefined)).toThrow('input "x" has the shape [N, 3, H, W]');
  const second = graph({ inputs: { x: [1, 2], y: [1, "T"] }, nodes: [], outputs: [] });
  expect(() => givenShapes(second, [1, 2])).toThrow('input "y" has the shape [1, T]');
});
